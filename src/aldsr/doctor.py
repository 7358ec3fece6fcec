"""`python -m aldsr.doctor DIR… --test SET…`: what is wrong with a data set, before a night is spent on it.

DIR are folders to train on, SET benchmark sets: each a folder of images, or one with HR/ and LR_bicubic/X4/ inside.
Photographs that are in both, also rescaled, recompressed, flipped or turned, are named. No file is touched. Exit
status: 0 no fault, 1 faults, 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from aldsr.core.command import plain_command
from aldsr.data.audit.checks import Examined, Finding, examine, shared

SHOWN = {"Fault": 5, "Remark": 2}  # findings of one kind that are spelt out, unless all are asked for


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Examine, compare, report."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.doctor", description=__doc__)
    parser.add_argument("train", nargs="*", metavar="DIR", help="folders to train on")
    parser.add_argument("--test", nargs="+", default=[], metavar="SET", help="benchmark sets, to measure on")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4), help="HR pixels per LR pixel (default 4)")
    parser.add_argument("--patch-size", type=int, default=48, help="LR pixels of a training patch (default 48)")
    parser.add_argument("--all", action="store_true", help="every finding, not the first of each kind")
    options = parser.parse_args(argv)
    if not options.train and not options.test:
        parser.error("name at least one folder")
    console = Console(emoji=False)
    folders = [(folder, False) for folder in options.train] + [(folder, True) for folder in options.test]
    sets = []
    for folder, test in track(folders, "Looking at images", console=console, transient=True):
        patch = 0 if test else options.patch_size * options.scale
        sets.append(examine(folder, scale=options.scale, patch=patch, test=test))
    findings = [finding for each in sets for finding in each.findings]
    findings += [finding for pair in combinations(sets, 2) for finding in shared(*pair)]
    console.print(overview(sets))
    faults, remarks = ([each for each in findings if each.fault is fault] for fault in (True, False))
    for title, found in (("Fault", faults), ("Remark", remarks)):
        for line in listed(title, found, len(found) if options.all else SHOWN[title]):
            console.print(line, highlight=False, soft_wrap=True)
    console.print(verdict(sets, faults, remarks), highlight=False, soft_wrap=True)
    sys.exit(bool(faults))


def overview(sets: Sequence[Examined]) -> Table:
    """One row per set."""
    table = Table(title="Data sets", title_justify="left")
    for column in ("set", "for", "images", "formats", "modes", "sizes", "LR", "faults"):
        table.add_column(column, justify="right" if column in ("images", "faults") else "left", no_wrap=column == "set")
    for each in sets:
        faults = sum(finding.fault for finding in each.findings)
        role = "test" if each.test else "train"
        table.add_row(
            escape(each.name), role, str(len(each.seen)), each.formats, each.modes, each.sizes, each.lr, str(faults)
        )
    return table


def listed(title: str, findings: Sequence[Finding], limit: int) -> Iterator[str]:
    """Findings by kind, the most frequent kinds first."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    for kind, found in sorted(kinds.items(), key=lambda pair: -len(pair[1])):
        yield f"[bold]{title}: {kind} ({len(found)})[/bold]"
        yield from (f"  {escape(finding.said)}" for finding in found[:limit])
        if len(found) > limit:
            yield f"  … and {len(found) - limit} more; --all lists them"


def verdict(sets: Sequence[Examined], faults: Sequence[Finding], remarks: Sequence[Finding]) -> str:
    """The last line."""
    images = sum(len(each.seen) for each in sets)
    seen = f"{images} images in {len(sets)} sets"
    if faults:
        return f"[bold red]{len(faults)} faults[/bold red] and {len(remarks)} remarks: {seen}"
    return f"[bold green]No fault[/bold green], {len(remarks)} remarks: {seen}"


if __name__ == "__main__":
    main()
