"""`python -m aldsr.attention RUN|WEIGHTS… [--data DIR…] [-o DIR]`: what the attention of trained ALD networks learned.

Of every layer: how r is spread, how much of it is due to the descriptor z, whether r follows z, and how many hidden
units are alive. Then PSNR-Y with z or r replaced: by 0, by the layer's mean, z by that of other channels. Means are
taken over repeats: seeds of one variant, as in aldsr.compare, and, where no run's configuration lies beside them,
networks of one description. Writes attention.json and plots.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from torch import nn

from aldsr.analysis.study import trained_degradation
from aldsr.core.command import make_parser, plain_command, positive_int
from aldsr.core.errors import OptionError, list_names
from aldsr.core.files import check_room, short_name, write_json
from aldsr.core.memory import keep_memory
from aldsr.core.version import code_version
from aldsr.data import BenchmarkSet, DataError, SuperResolutionData, describe_pairs
from aldsr.evaluation.attention import ablation_scores, load_networks, make_ablations, read_attention
from aldsr.evaluation.results import check_scorable
from aldsr.imaging import LITERATURE, Degradation
from aldsr.nn.description import Description, scale_of
from aldsr.nn.weights import find_file
from aldsr.reporting.charts.attention import draw_ablations, draw_descriptor, draw_distribution
from aldsr.reporting.charts.figures import INSTALL, has_matplotlib, save_figure
from aldsr.reporting.tables import attention as tables
from aldsr.reporting.tables.sheet import print_sheets
from aldsr.run.repeats import group_networks, unique_repeats


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Load the networks, then measure, print and draw."""
    options = parse_options(argv)
    keep_memory()
    networks = load_networks(options.networks, allow_code=options.allow_code)
    variants, notes = group_networks(networks, allow_unequal_budgets=options.allow_unequal_budgets)
    first: Path = options.networks[0]
    scale = scale_of(networks[first][1])
    degradations = {place: trained_degradation(find_file(place)) for place in networks}
    for place, own in degradations.items():
        if Degradation.from_options(own) != Degradation.from_options(degradations[first]):
            raise OptionError(f"{place}: was trained on other LR than {first}; measure it by itself")
    benchmarks = read_sets(options.data, options.lr, scale=scale, degradation=degradations[first])
    folder: Path = options.output or (first if first.is_dir() else first.parent) / "attention"
    check_room(f"-o {folder}", folder)
    check_scorable(benchmarks, {"y": LITERATURE}, scale)
    attentions = []
    for name, places in unique_repeats(variants).items():
        runs = [measure(place, *networks[place], benchmarks, shuffles=options.shuffles) for place in places]
        attentions.append(tables.Attention(name, runs))
    sheets = [sheet for each in attentions for sheet in (tables.layers_sheet(each), tables.ablations_sheet(each))]
    lr = ", ".join(f"of {each.name} {describe_pairs(each.pairs)}" for each in benchmarks)
    unknown = [str(place) for place, own in degradations.items() if own is None]
    lr += f"; how it was made for {list_names(unknown)} is not known" if unknown else ""
    notes = [*tables.attention_notes(attentions, shuffles=options.shuffles), ("LR", lr), *notes]
    print_sheets(sheets, notes, indent=12)
    content = {
        "networks": tables.attention_data(attentions),
        "protocol": {"name": "y", **LITERATURE.to_fields(scale)},
        "sets": {each.name: each.identity for each in benchmarks},
        "version": code_version(),
    }
    write_json(folder / "attention.json", content, indent=1)
    plots = draw_plots(folder, attentions) if has_matplotlib() else []
    if not plots:
        print(f"no plots: matplotlib is missing; {INSTALL}")
    print(f"written: {', '.join(['attention.json', *plots])} in {folder}")


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser("attention", __doc__, networks=True)
    add = parser.add_argument
    add("networks", nargs="+", type=Path, metavar="RUN|WEIGHTS", help="run folders, or weights files")
    add("--data", nargs="+", metavar="DIR", help="sets to measure on (default: eight photographs)")
    add("--lr", nargs="+", metavar="DIR", help="LR of each; '': found beside HR; made: made from HR")
    add("-o", "--output", type=Path, metavar="DIR", help="(default: attention/ in the first run's folder)")
    add("--shuffles", type=positive_int, default=5, metavar="N", help="of z, whose scores are averaged (default: 5)")
    unequal = "measure runs that differ in steps, batch, patches, schedule or training images all the same"
    add("--allow-unequal-budgets", action="store_true", help=unequal)
    return parser.parse_args(argv)


def read_sets(
    folders: Sequence[str] | None, lr: Sequence[str] | None, *, scale: int, degradation: Mapping[str, Any] | None
) -> list[BenchmarkSet]:
    """The sets to measure on; None: the photographs in scikit-image. Raises DataError if they cannot be read.

    Where LR is missing it is made as for the training.
    """
    how: dict[str, Any] = {"eval_lr_dirs": lr, "degradation": degradation}
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=folders, **how)
    try:
        data.prepare_data()
    except DataError as error:
        message = str(error).replace("data.eval_dirs", "--data").replace("data.eval_lr_dirs:", "--lr:")
        raise DataError(message) from error
    return data.benchmarks


def measure(
    place: Path, network: nn.Module, description: Description, benchmarks: Sequence[BenchmarkSet], *, shuffles: int
) -> tables.AttentionRun:
    """Layers and scores of a network, with a progress bar."""
    ablations = track(make_ablations(shuffles=shuffles), str(place), console=Console(stderr=True), transient=True)
    scores = ablation_scores(network, benchmarks, ablations)
    return tables.AttentionRun(str(place), description, read_attention(network), scores)


def draw_plots(folder: Path, attentions: Sequence[tables.Attention]) -> list[str]:
    """Draw the plots as PNG files; their names."""
    figures = {"ablation": draw_ablations(attentions)}
    for each in attentions:
        name = short_name(re.sub(r"[^a-z0-9]+", "-", each.name.lower()).strip("-"))
        figures |= {f"r-{name}": draw_distribution(each), f"z-{name}": draw_descriptor(each)}
    for name, figure in figures.items():
        save_figure(figure, [folder / f"{name}.png"])
    return [f"{name}.png" for name in figures]


if __name__ == "__main__":
    main()
