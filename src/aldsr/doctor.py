"""`python -m aldsr.doctor DIR… --test SET…`: find what is wrong with data sets before a training run is spent on them.

DIR are folders to train on, SET benchmark sets: each a folder of images, or one with HR/ and LR_bicubic/X4/ inside.
It finds truncated and unpaired files, wrong sizes, duplicates, LR that is not MATLAB's bicubic (by how many dB, and
what it looks like), and photographs that are in both, also rescaled, recompressed, flipped or turned. No file is
changed. Exit status: 0 no fault, 1 faults, 2 wrong usage.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from aldsr.core.command import make_parser, plain_command
from aldsr.data.audit.checks import AuditedSet, Finding, audit_set, find_shared_images

SHOWN = {"Fault": 5, "Remark": 2}  # findings of one kind that are printed without --all


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Check every set, compare the sets, and print a report."""
    parser = make_parser("doctor", __doc__)
    parser.add_argument("train", nargs="*", metavar="DIR", help="folders to train on")
    parser.add_argument("--test", nargs="+", default=[], metavar="SET", help="benchmark sets, to measure on")
    parser.add_argument("--lr", nargs="+", metavar="DIR", help="LR of each; '': found beside HR; made: made from HR")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4), help="HR pixels per LR pixel (default 4)")
    parser.add_argument("--patch-size", type=int, default=48, help="LR pixels of a training patch (default 48)")
    parser.add_argument("--all", action="store_true", help="print every finding, not the first of each kind")
    options = parser.parse_args(argv)
    folders = [(folder, False) for folder in options.train] + [(folder, True) for folder in options.test]
    if not folders:
        parser.error("name at least one folder")
    lr_folders = options.lr or [None] * len(folders)
    if len(lr_folders) != len(folders):
        parser.error(f"--lr: names {len(lr_folders)} folders for {len(folders)} sets; expected one for each")
    console = Console(emoji=False)
    sets = []
    places = list(zip(folders, lr_folders, strict=True))
    for (folder, test), lr in track(places, "Checking images", console=console, transient=True):
        patch = 0 if test else options.patch_size * options.scale
        sets.append(audit_set(folder, scale=options.scale, patch=patch, test=test, lr=lr))
    findings = [finding for each in sets for finding in each.findings]
    findings += [finding for pair in combinations(sets, 2) for finding in find_shared_images(*pair)]
    faults, remarks = ([each for each in findings if each.fault is fault] for fault in (True, False))
    console.print(set_table(sets))
    for title, found in (("Fault", faults), ("Remark", remarks)):
        for line in list_findings(title, found, len(found) if options.all else SHOWN[title]):
            console.print(line, highlight=False, soft_wrap=True)
    verdict = f"[bold red]{len(faults)} faults[/bold red] and" if faults else "[bold green]No fault[/bold green],"
    images = f"{sum(len(each.images) for each in sets)} images in {len(sets)} sets"
    console.print(f"{verdict} {len(remarks)} remarks: {images}", highlight=False, soft_wrap=True)
    sys.exit(bool(faults))


def set_table(sets: Sequence[AuditedSet]) -> Table:
    """A table with one row per set."""
    table = Table(title="Data sets", title_justify="left")
    for column in ("set", "for", "images", "formats", "modes", "sizes", "LR", "faults"):
        table.add_column(column, justify="right" if column in ("images", "faults") else "left", no_wrap=column == "set")
    for each in sets:
        faults = str(sum(finding.fault for finding in each.findings))
        role = "test" if each.test else "train"
        number = str(len(each.images))
        formats, modes = (count_values(getattr(image, name) for image in each.images) for name in ("format", "mode"))
        areas = sorted((image.size for image in each.images), key=math.prod)
        sizes = " to ".join(dict.fromkeys(f"{width}x{height}" for width, height in (*areas[:1], *areas[-1:])))
        table.add_row(escape(each.name), role, number, formats, modes, sizes, each.lr, faults)
    return table


def count_values(values: Iterable[str]) -> str:
    """`PNG` if all are the same, otherwise `2 PNG, 1 WEBP`."""
    counts = Counter(values).most_common()
    return counts[0][0] if len(counts) == 1 else ", ".join(f"{number} {value}" for value, number in counts)


def list_findings(title: str, findings: Sequence[Finding], limit: int) -> Iterator[str]:
    """Lines that list the findings by kind, the most frequent kinds first."""
    for kind, number in Counter(finding.kind for finding in findings).most_common():
        yield f"[bold]{title}: {kind} ({number})[/bold]"
        found = [finding.message for finding in findings if finding.kind == kind]
        yield from (f"  {escape(message)}" for message in found[:limit])
        if number > limit:
            yield f"  … and {number - limit} more; --all lists them"


if __name__ == "__main__":
    main()
