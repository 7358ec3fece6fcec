"""`python -m aldsr.benchmark`: how fast this machine loads training patches and resizes images, on one core."""

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from aldsr.data import SuperResolutionData
from aldsr.measure.loading import loading_rate
from aldsr.measure.resizing import resize_times

STAGES = {
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the loader's rate at the paper's settings, or others, and the time of resizing a DIV2K image."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.benchmark", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "loading", "resize"), default="all")
    parser.add_argument("--patch-size", type=int, default=48, help="LR pixels (default: the paper's 48)")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4))
    parser.add_argument("--train-dir", action="append", help="images to cut from (default: the procedural pictures)")
    options = parser.parse_args(argv)
    console = Console()
    if options.what in ("all", "loading"):
        console.print(loading(options.train_dir, options.scale, options.patch_size))
    if options.what in ("all", "resize"):
        console.print(resizing(options.scale))


def loading(train_dirs: Sequence[str] | None, scale: int, patch_size: int) -> Table:
    """Pairs per second after each stage of loading."""
    data = SuperResolutionData(scale=scale, train_dirs=train_dirs, eval_dirs=[], patch_size=patch_size)
    data.prepare_data()
    rates = loading_rate(data.train_pairs, scale=scale, patch_size=patch_size)
    patch = f"{patch_size}x{patch_size}, x{scale}"
    table = Table(title=f"Patch loading, one core, LR {patch}, batches of 16", title_justify="left")
    table.add_column("stage")
    table.add_column("pairs/s", justify="right")
    for stage, rate in rates.items():
        table.add_row(STAGES[stage], f"{rate:,.0f}")
    return table


def resizing(scale: int) -> Table:
    """Seconds to make LR of an image of DIV2K's size, and the ratio to a loop over rows."""
    seconds = resize_times(scale=scale)
    table = Table(title=f"MATLAB's bicubic, 2040x1356 to 1/{scale}, one core", title_justify="left")
    table.add_column("")
    for column in ("seconds", "ratio"):
        table.add_column(column, justify="right")
    table.add_row("literal port, a loop over rows, float", f"{seconds['rows']:.4f}", "1.0")
    ratio = seconds["rows"] / seconds["imresize"]
    table.add_row("aldsr.imaging.imresize, uint8, rounded twice", f"{seconds['imresize']:.4f}", f"{ratio:.1f}")
    return table


if __name__ == "__main__":
    main()
