"""The results of runs as tables, and the files of results in a run's folder."""

import csv
from collections.abc import Mapping
from itertools import chain, product
from pathlib import Path
from typing import Any

from aldsr.analysis.scores import QUANTITIES
from aldsr.analysis.variants import results_label
from aldsr.core.files import atomic_write, write_json
from aldsr.core.run_files import RESULTS
from aldsr.evaluation import describe_lr
from aldsr.imaging import Protocol, psnr_gain
from aldsr.imaging.perceptual import TITLES
from aldsr.imaging.protocol import USERS
from aldsr.reporting.tables.cells import FULL_COSTS, cost_cells, full_cost_cells, pluralise, scaled_cell, score_cell
from aldsr.reporting.tables.sheet import Cell, Column, Sheet, format_sheets

Results = Mapping[str, Any]  # the content of a results.json
MAX_IMAGES = 20  # sets of more images are shown by their means only


def find_unlike(*results: Results) -> str | None:
    """A sentence on what differs in how networks were used for measuring; None if nothing does."""
    used = [each["measured"] for each in results if "precision" in each["measured"]]  # not images of other systems
    for key, default in (("precision", None), ("tile", None), ("self_ensemble", False), ("kernels", "torch")):
        if len(values := list(dict.fromkeys(str(each.get(key, default)) for each in used))) > 1:
            return f"not all were measured with the same {key}: {', '.join(values)}"
    return None


def images_sheet(results: Results) -> Sheet:
    """Bicubic beside the network, per image and per set: PSNR in dB and SSIM, and each further measure."""
    rows, means, measures = [], [], measures_of(results)
    cells: list[tuple[Cell, ...]] = []
    for name, scores in results["sets"].items():
        reference = results["bicubic"][name]
        if len(scores["images"]) <= MAX_IMAGES:
            rows += scores["images"]
            cells += [_image_cells(reference["images"][i], own, measures) for i, own in scores["images"].items()]
        means.append(len(rows))
        rows.append(f"{name}, mean of {scores['number']}")
        cells.append(_image_cells(reference, scores, measures))
    heads = ["bicubic", results_label(results), "gain"]
    heads += [f"{head}, {TITLES[each]}" for each in measures for head in heads[:2]]
    columns = [Column(head, column, bold=means) for head, column in zip(heads, zip(*cells, strict=True), strict=True)]
    return Sheet(f"{quantities(results)}, x{results['protocol']['scale']}", "image", rows, columns)


def measures_of(*results: Results) -> list[str]:
    """The measures beside PSNR and SSIM that some of the results have."""
    return [name for name in TITLES if any(name in each["protocol"] for each in results)]


def _image_cells(bicubic: Mapping[str, float], own: Mapping[str, float], measures: list[str]) -> tuple[Cell, ...]:
    more = (score_cell(scores, [each]) for each in measures for scores in (bicubic, own))
    return _one_line(bicubic), _one_line(own), (f"{psnr_gain(own, bicubic):+.2f}",), *more


def _one_line(scores: Mapping[str, float] | None) -> Cell:
    return (" / ".join(score_cell(scores)),)


def quantities(results: Results) -> str:
    """The names of the scores: "PSNR-Y (dB) / SSIM-Y" by the literature's protocol, else "PSNR (dB) / SSIM"."""
    suffix = {"y": "-Y", "y_uint8": "-Y", "rgb": "-RGB"}.get(results["protocol"]["colour"], "")
    return f"PSNR{suffix} (dB) / SSIM{suffix}"


def protocol_line(*results: Results) -> str:
    """The protocol of results that share a table in one line, with LR by sets if it is not alike in all."""
    protocol: dict[str, Any] = dict(chain(*(each["protocol"].items() for each in results)))
    lr: dict[str, dict[str, None]] = {}
    for name, scores in chain(*(each["sets"].items() for each in results)):
        lr.setdefault(describe_lr(scores["lr"], scores["lr_track"]), {})[name] = None
    if not lr:
        return "nothing was measured: data.eval_dirs was empty"
    stated = ", ".join(f"{each} for {' and '.join(sets)}" if len(lr) > 1 else each for each, sets in lr.items())
    return f"{Protocol.from_fields(protocol).describe(protocol['scale'])}; LR {stated}"


def protocols_sheet(results: Mapping[str, Results]) -> Sheet:
    """The same images scored by several protocols, whose programs are named in the notes."""
    first = next(iter(results.values()))
    columns = [
        Column(name, [_one_line(each["sets"][name]) for each in results.values()], bold=[0]) for name in first["sets"]
    ]
    title = f"{results_label(first)}, x{first['protocol']['scale']}: PSNR (dB) / SSIM"
    return Sheet(title, "protocol", list(results), columns, notes=[f"{name:<13} {USERS[name]}" for name in results])


def comparison_sheet(results: Mapping[str, Results]) -> Sheet:
    """Bicubic and a row per result, a column per set and measure; of several results the best on each set is bold.

    Args:
        results: by the name of their row; `check_comparable` has passed them.
    """
    first = next(iter(results.values()))
    rows = {name: (each["network"], each["sets"]) for name, each in results.items()}
    if all(network["parameters"] != 0 for network, _ in rows.values()):  # else bicubic is one of the results
        bicubic: dict[str, Any] = {}
        for name, scores in chain(*(each["bicubic"].items() for each in results.values())):
            bicubic[name] = bicubic.get(name, {}) | scores
        rows = {"bicubic": ({"parameters": 0}, bicubic), **rows}
    parameters, multi_adds = zip(*(cost_cells(network) for network, _ in rows.values()), strict=True)
    columns = [Column("parameters", parameters), Column("multi-adds (G)", multi_adds)]
    costs = full_cost_cells([results[name]] if name in results else [] for name in rows)
    columns += [Column(head, cells) for head, cells in costs.items()]
    for name in dict.fromkeys(name for each in results.values() for name in each["sets"]):
        scores = {row: sets[name] for row, (_, sets) in rows.items() if name in sets}
        for measure in ("psnr", *measures_of(*results.values())):
            ours = {row: scores[row][measure] for row in results if measure in scores.get(row, ())}
            best = (min if "↓" in TITLES.get(measure, "") else max)(ours.values(), default=None)
            bold = [n for n, row in enumerate(rows) if len(results) > 1 and row in ours and ours[row] == best]
            cells = [score_cell(scores.get(row), [measure] if measure in TITLES else QUANTITIES) for row in rows]
            head = f"{name}, {TITLES[measure]}" if measure in TITLES else name
            columns.append(Column(head, [(" / ".join(cell),) for cell in cells], bold=bold))
    return Sheet(f"{quantities(first)}, x{first['protocol']['scale']}", "network", list(rows), columns)


def cost_sheet(results: Results) -> Sheet:
    """What upscaling one image to 1280x720 pixels costs, folded and unfolded."""
    cost, network = results["cost"], results["network"]
    forms = {form: network | cost[form] for form in ("folded", "unfolded") if cost.get(form)}
    kinds = {"parameters": ("parameters", 1, 0), "multi-adds (G)": ("multi_adds", 1e9, 1), **FULL_COSTS}
    columns = [
        Column(head, [scaled_cell(form, *kind) for form in forms.values()])
        for head, kind in kinds.items()
        if any(kind[0] in form for form in forms.values())
    ]
    where = f"{cost['device']}, {pluralise(cost['threads'], 'thread')}, {results['measured']['precision']}"
    rows = [f"{results_label(results)}, {form}" for form in forms]
    return Sheet(f"One image, LR {cost['lr']}: {where}", "network", rows, columns)


def write_results(folder: Path, results: Results) -> None:
    """Write `results.json`, `results.csv`, and the comparison with bicubic as `table.md` and `table.tex`."""
    sheet = comparison_sheet({results_label(results): results})._replace(title="")
    notes = [("protocol", protocol_line(results))]
    _write_csv(folder / "results.csv", results)
    for name, form in (("table.md", "markdown"), ("table.tex", "latex")):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(format_sheets([sheet], notes, form), encoding="utf-8")
    write_json(folder / RESULTS, results, indent=2)  # last: a run that has it is done


def _write_csv(path: Path, results: Results) -> None:
    """The scores of every image of every set, and of every set ("mean")."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        keys = [*product(("", "bicubic_"), QUANTITIES), *product(("", "bicubic_"), measures_of(results))]
        table.writerow(["set", "image", *map("".join, keys)])
        for name, scores in results["sets"].items():
            bicubic = results["bicubic"][name]
            for image, own in {**scores["images"], "mean": scores}.items():
                reference = bicubic if own is scores else bicubic["images"][image]
                table.writerow([name, image, *((reference if whose else own)[key] for whose, key in keys)])
