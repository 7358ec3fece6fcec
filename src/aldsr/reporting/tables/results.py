"""Results as tables: on the terminal, as CSV, and as rows of Markdown and LaTeX."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from aldsr.core.files import atomic_write
from aldsr.imaging import Protocol
from aldsr.imaging.protocol import USERS

Results = Mapping[str, Any]  # the content of a results.json
LISTED = 20  # images of a set up to which a table shows them one by one


def scores_table(results: Results) -> Table:
    """Bicubic beside the network, per image and per set, PSNR in dB and SSIM."""
    scale, compared = results["protocol"]["scale"], results["bicubic"]
    table = Table(title=f"{quantities(results)}, x{scale}", title_justify="left")
    table.add_column("image")
    for column in ("bicubic", results["network"]["label"], "gain"):
        table.add_column(column, justify="right")
    for name, found in results["sets"].items():
        reference = compared[name]
        if len(found["images"]) <= LISTED:
            for image, values in found["images"].items():
                table.add_row(image, *_cells(values, reference["images"][image]))
        count = f"{name}, mean of {found['number']}"
        table.add_row(count, *_cells(found, reference), style="bold", end_section=True)
    return table


def quantities(results: Results) -> str:
    """What the figures are: "PSNR-Y (dB) / SSIM-Y" by the literature's protocol, else "PSNR (dB) / SSIM"."""
    suffix = {"y": "-Y", "y_uint8": "-Y", "rgb": "-RGB"}.get(results["protocol"]["colour"], "")
    return f"PSNR{suffix} (dB) / SSIM{suffix}"


def protocol_line(results: Results) -> str:
    """The protocol of a result in one line."""
    protocol = results["protocol"]
    sources = sorted({found["lr"] for found in results["sets"].values()})
    return f"{Protocol.from_fields(protocol).describe(protocol['scale'])}; LR {', '.join(sources)}"


def explain_table(results: Mapping[str, Results]) -> Group:
    """The same prediction under several protocols, and under the table who has which habit."""
    first = next(iter(results.values()))
    title = f"{first['network']['label']}, x{first['protocol']['scale']}: PSNR (dB) / SSIM"
    # Without a frame the field's four sets fit into 80 columns.
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("protocol")
    for name in first["sets"]:
        table.add_column(name, justify="right", no_wrap=True)
    for protocol, each in results.items():
        table.add_row(protocol, *map(_cell, each["sets"].values()), style="bold" if each is first else None)
    habits = "\n".join(f"{protocol:<13} {USERS[protocol]}" for protocol in results)
    return Group(table, Text(habits))


def comparison_table(results: Mapping[str, Results]) -> Table:
    """One row per result and one column per set; check with `check_comparable` first."""
    first = next(iter(results.values()))
    table = Table(title=f"{quantities(first)}, x{first['protocol']['scale']}", title_justify="left")
    for place, column in enumerate(_header(results)):
        table.add_column(column, justify="right" if place else "left")
    for row in _rows(results, best=("[bold]", "[/bold]")):
        table.add_row(*row)
    return table


def markdown(results: Mapping[str, Results]) -> str:
    """The comparison as a Markdown table."""
    header = _header(results)
    lines = [header, ["---", *("---:" for _ in header[1:])], *_rows(results, best=("**", "**"))]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latex(results: Mapping[str, Results]) -> str:
    r"""The comparison as rows of a LaTeX `tabular`, without its frame: cells & cells \\."""
    lines = [_header(results), *_rows(results, best=(r"\textbf{", "}"))]
    escaped = [[cell.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&") for cell in line] for line in lines]
    return "".join(f"{' & '.join(line)} \\\\\n" for line in escaped)


def _header(results: Mapping[str, Results]) -> list[str]:
    return ["network", "parameters", "multi-adds (G)", *_sets(results)]


def _sets(results: Mapping[str, Results]) -> list[str]:
    return list(dict.fromkeys(name for each in results.values() for name in each["sets"]))


def _rows(results: Mapping[str, Results], *, best: tuple[str, str]) -> Iterator[list[str]]:
    """Bicubic first, then every result; the best PSNR of a set is marked where several are compared."""
    sets = _sets(results)
    psnr = {name: [each["sets"][name]["psnr"] for each in results.values() if name in each["sets"]] for name in sets}
    reference = {name: found for each in results.values() for name, found in each["bicubic"].items()}
    if all(each["network"]["parameters"] != 0 for each in results.values()):  # else bicubic is among the results
        yield ["bicubic", "0", "-", *(_cell(reference[name]) for name in sets)]
    for label, each in results.items():
        cells = []
        for name in sets:
            found = each["sets"].get(name)
            mark = found and len(results) > 1 and found["psnr"] == max(psnr[name])
            cells.append(_cell(found).join(best) if mark else _cell(found))
        yield [label, *_costs(each["network"]), *cells]


def _costs(network: Mapping[str, Any]) -> tuple[str, str]:
    parameters, operations = network.get("parameters"), network.get("multi_adds")
    return "-" if parameters is None else f"{parameters:,}", f"{operations / 1e9:.1f}" if operations else "-"


def _cell(found: Mapping[str, float] | None) -> str:
    return f"{found['psnr']:.2f} / {found['ssim']:.4f}" if found else "-"


def _cells(values: Mapping[str, float], reference: Mapping[str, float]) -> list[str]:
    return [_cell(reference), _cell(values), f"{values['psnr'] - reference['psnr']:+.2f}"]


def cost_table(results: Results) -> Table:
    """Seconds and memory of one image of 1280x720 pixels of output, folded and unfolded."""
    cost = results["cost"]
    title = (
        f"One image, LR {cost['lr']}: {cost['device']}, {cost['threads']} threads, {results['measured']['precision']}"
    )
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(("network", "parameters", "multi-adds (G)", "latency (s)", "peak memory (MiB)")):
        table.add_column(column, justify="right" if place else "left")
    operations = _costs(results["network"])[1]
    for kind in ("folded", "unfolded"):
        if found := cost.get(kind):
            memory = found["peak_memory_bytes"]
            mebibytes = "not measured" if memory is None else f"{memory / 2**20:,.0f}"
            label = f"{results['network']['label']}, {kind}"
            table.add_row(label, f"{found['parameters']:,}", operations, f"{found['latency_s']:.3f}", mebibytes)
    return table


def write_csv(path: Path, results: Results) -> None:
    """Every image of every set, and every set's mean ("mean"), as CSV: whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["set", "image", "psnr", "ssim", "bicubic_psnr", "bicubic_ssim"])
        for name, found in results["sets"].items():
            reference = results["bicubic"][name]
            images = {**found["images"], "mean": found}
            references = {**reference["images"], "mean": reference}
            for image, values in images.items():
                compared = references[image]
                table.writerow([name, image, values["psnr"], values["ssim"], compared["psnr"], compared["ssim"]])


def write_results(folder: Path, results: Mapping[str, Any]) -> None:
    """`results.json`, `results.csv`, and the comparison with bicubic as `table.md` and `table.tex`, each whole."""
    row = {results["network"]["label"]: results}
    write_csv(folder / "results.csv", results)
    for name, text in (
        ("table.md", markdown(row)),
        ("table.tex", latex(row)),
        ("results.json", json.dumps(results, indent=2) + "\n"),  # last: a run that has it is done
    ):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text)
