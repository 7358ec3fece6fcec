"""`python -m aldsr.benchmark`: how fast training patches are loaded on one core of this machine."""

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from aldsr.data import SuperResolutionData
from aldsr.measure.loading import loading_rate

STAGES = {
    "cut": "cut from the cache and collated (uint8)",
    "augmented": "… flipped and turned (uint8)",
    "float": "… and made float32",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print pairs per second per core at the paper's settings, or others."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.benchmark", description=__doc__)
    parser.add_argument("--patch-size", type=int, default=48, help="LR pixels (default: the paper's 48)")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4))
    parser.add_argument("--train-dir", action="append", help="images to cut from (default: the procedural pictures)")
    options = parser.parse_args(argv)
    data = SuperResolutionData(
        scale=options.scale, train_dirs=options.train_dir, eval_dirs=[], patch_size=options.patch_size
    )
    data.prepare_data()
    rates = loading_rate(data.train_pairs, scale=options.scale, patch_size=options.patch_size)
    patch = f"{options.patch_size}x{options.patch_size}, x{options.scale}"
    table = Table(title=f"Patch loading, one core, LR {patch}, batches of 16", title_justify="left")
    table.add_column("stage")
    table.add_column("pairs/s", justify="right")
    for stage, rate in rates.items():
        table.add_row(STAGES[stage], f"{rate:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
