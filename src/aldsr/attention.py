"""`python -m aldsr.attention RUN|WEIGHTS… [--data DIR…] [-o DIR]`: what the attention of trained ALD networks learned.

Of every layer: how r is spread, how much of it is due to the descriptor z, whether r follows z, and how many hidden
units are alive. Then PSNR-Y with z or r replaced: by 0, by the layer's mean, z by that of other channels. Networks of
one description are repeats of each other (seeds), over which means are taken. Leaves attention.json and plots. Exit
status: 0 done, 2 wrong usage.
"""

import argparse
import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from torch import nn

from aldsr.analysis.variants import NETWORK, attention_words, distinctions
from aldsr.core.command import plain_command, positive_int
from aldsr.core.files import atomic_write
from aldsr.core.memory import keep_memory
from aldsr.core.run_files import WEIGHTS
from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet, DataError, SuperResolutionData, set_name
from aldsr.evaluation.attention import ablation_scores, ablations, attention_of
from aldsr.imaging import LITERATURE
from aldsr.nn.description import TRUSTED, Description, NetworkError, flat, label, scale_of
from aldsr.nn.weights import load_network
from aldsr.reporting.charts.attention import draw_ablations, draw_descriptor, draw_distribution
from aldsr.reporting.charts.figures import save_figure
from aldsr.reporting.tables.attention import Attention, Run, ablations_sheet, as_json, attention_notes, layers_sheet
from aldsr.reporting.tables.sheet import Sheet, terminal_tables


class Trained(NamedTuple):
    """A network, where it lies, and what it was built from."""

    place: str
    network: nn.Module
    description: Description


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Read the networks, then measure, print and draw."""
    options = parsed(argv)
    keep_memory()
    networks = [read(path, options.allow_code) for path in dict.fromkeys(options.networks)]
    scale = common_scale(networks)
    benchmarks = sets_of(options.data, scale=scale)
    folder = made(options.output or default_folder(options.networks[0]))
    found = analysed(networks, benchmarks, shuffles=options.shuffles)
    console = Console()
    for each in found:
        for sheet in (layers_sheet(each), ablations_sheet(each)):
            show(sheet, console)
    for word, text in attention_notes(found, shuffles=options.shuffles):
        console.print(f"{word:<12}{text}", markup=False, highlight=False, soft_wrap=True)
    written = [write_json(folder, found, benchmarks, scale=scale)]
    if find_spec("matplotlib") is None:
        print("no plots: matplotlib is missing; install it with: pip install 'aldsr[figures]'")
    else:
        written += draw(folder, found)
    print(f"written: {', '.join(written)} in {folder}")


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.attention", description=__doc__)
    parser.add_argument("networks", nargs="+", type=Path, metavar="RUN|WEIGHTS", help="run folders, or weights files")
    parser.add_argument("--data", nargs="+", metavar="DIR", help="sets to measure on (default: eight photographs)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="(default: attention/ in the first run's folder)"
    )
    parser.add_argument(
        "--shuffles", type=positive_int, default=5, metavar="N", help="of z, whose scores are averaged (5)"
    )
    parser.add_argument("--allow-code", action="append", default=[], metavar="PACKAGE", help="beside aldsr.nn")
    return parser.parse_args(argv)


def read(path: Path, allow_code: Sequence[str]) -> Trained:
    """A run's network, or that of a weights file or checkpoint.

    Raises:
        NetworkError: if there is none, or it has no attention to look at.
    """
    file = path / WEIGHTS if path.is_dir() else path
    network, description = load_network(file, [*TRUSTED, *allow_code])
    if not attention_of(network):
        raise NetworkError(
            f"{path}: {label(description)} has no attention; expected networks of ALD blocks, as they were trained: a "
            "deployed or exported one has its attention in its weights"
        )
    return Trained(str(path), network.eval(), description)


def common_scale(networks: Sequence[Trained]) -> int:
    """The scale of all.

    Raises:
        NetworkError: if there is no such.
    """
    first, *others = networks
    for other in others:
        if (theirs := scale_of(other.description)) != (ours := scale_of(first.description)):
            raise NetworkError(
                f"{first.place} is for x{ours} and {other.place} for x{theirs}; give networks of one scale"
            )
    return scale_of(first.description)


def sets_of(folders: Sequence[str] | None, *, scale: int) -> list[BenchmarkSet]:
    """The sets to measure on; None: the photographs in scikit-image.

    Raises:
        DataError: if they cannot be read, or two of them have the same name.
    """
    names = [set_name(folder) for folder in folders or []]
    if twins := [name for name in names if names.count(name) > 1]:
        raise DataError(f"--data: two sets are called '{twins[0]}'; results go by name, so rename a folder")
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=folders)
    data.prepare_data()
    return data.benchmarks


def default_folder(first: Path) -> Path:
    """`attention/` in a run's folder, or beside a weights file."""
    return (first if first.is_dir() else first.parent) / "attention"


def made(folder: Path) -> Path:
    """The folder of the results, made.

    Raises:
        DataError: if it cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"-o {folder}: cannot be made ({error.strerror}); give another folder") from error
    return folder


def analysed(networks: Sequence[Trained], benchmarks: Sequence[BenchmarkSet], *, shuffles: int) -> list[Attention]:
    """Layers and scores of all networks, those of one description together."""
    groups: dict[str, list[Run]] = {}
    for each in networks:
        wanted = track(ablations(shuffles=shuffles), each.place, console=Console(stderr=True), transient=True)
        scores = ablation_scores(each.network, benchmarks, wanted)
        run = Run(each.place, each.description, attention_of(each.network), scores)
        groups.setdefault(json.dumps(identity(each.description), sort_keys=True), []).append(run)
    identities = [json.loads(key) for key in groups]
    return [
        Attention(" ".join([own[NETWORK], *distinctions(own, identities)]), runs)
        for own, runs in zip(identities, groups.values(), strict=True)
    ]


def identity(description: Description) -> dict[str, str]:
    """What makes a network another one than the next, and under "network" what it is called."""
    options = {key: str(value) for key, value in flat(description).items() if key != "model.checkpoint"}
    words = ", ".join(attention_words(description.get("conv") or {}))
    return {**options, NETWORK: f"{label(description)} ({words})" if words else label(description)}


def show(sheet: Sheet, console: Console) -> None:
    """A table, or as many as it takes in this width."""
    for title, table in terminal_tables(sheet, width=console.width):
        console.print(title, style="italic", markup=False, highlight=False)
        console.print(table, "")


def write_json(folder: Path, found: Sequence[Attention], benchmarks: Sequence[BenchmarkSet], *, scale: int) -> str:
    """Every figure, with what it was measured on and how; the file's name."""
    content = {
        "networks": as_json(found),
        "protocol": {"name": "y", **LITERATURE.to_fields(scale)},
        "sets": {each.name: each.identity() for each in benchmarks},
        "version": code_version(),
    }
    with atomic_write(folder / "attention.json") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")
    return "attention.json"


def draw(folder: Path, found: Sequence[Attention]) -> list[str]:
    """The plots, as PNG files; their names."""
    figures = {"ablation": draw_ablations(found)}
    for each in found:
        name = re.sub(r"[^a-z0-9]+", "-", each.name.lower()).strip("-")
        figures |= {f"r-{name}": draw_distribution(each), f"z-{name}": draw_descriptor(each)}
    for name, figure in figures.items():
        save_figure(figure, [folder / f"{name}.png"])
    return [f"{name}.png" for name in figures]


if __name__ == "__main__":
    main()
