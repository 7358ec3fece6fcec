"""What tiles cost in quality: PSNR-Y of tiled minus that of untiled inference, for several overlaps.

python experiments/tiling/tiling.py WEIGHTS SET [--out results.json]
"""

import argparse
import json
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from aldsr.core.version import code_version
from aldsr.data import SuperResolutionData
from aldsr.imaging import psnr_y, quantise, tiled
from aldsr.nn.description import label
from aldsr.nn.weights import load_network

TILE, OVERLAPS = 32, (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("set")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    network, description = load_network(options.weights)
    network.eval()
    scale = description["scale"]
    data = SuperResolutionData(scale=scale, train_dirs=[], eval_dirs=[options.set])
    data.prepare_data()
    benchmark = data.benchmarks[0]
    changes: dict[int, list[float]] = {overlap: [] for overlap in OVERLAPS}
    for full_lr, full_hr, *_ in track(benchmark, "Tiling"):
        for overlap, differences in changes.items():
            height, width = (round_to_tiles(size, overlap) for size in full_lr.shape[-2:])
            lr, hr = full_lr[..., :height, :width] / 255, full_hr[..., : scale * height, : scale * width]
            with torch.no_grad():
                outputs = network(lr), tiled(network, lr, scale=scale, tile=TILE, overlap=overlap)
            without, with_tiles = (psnr_y(quantise(sr), hr, shave=scale).item() for sr in outputs)
            differences.append(with_tiles - without)
    rows = [
        {"overlap": overlap, "mean_change_db": fmean(each), "largest_change_db": max(map(abs, each))}
        for overlap, each in changes.items()
    ]
    head = {"network": label(description), "description": description, "set": benchmark.name, **benchmark.identity()}
    options.out.write_text(json.dumps({**head, "version": code_version(), "tile": TILE, "rows": rows}, indent=2) + "\n")
    title = f"{head['network']} on {benchmark.name}, tile={TILE}: PSNR-Y tiled minus untiled (dB)"
    table = Table(title=title, title_justify="left")
    for column in ("overlap", "mean", "largest of an image"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(str(row["overlap"]), f"{row['mean_change_db']:+.5f}", f"{row['largest_change_db']:.5f}")
    Console().print(table)


def round_to_tiles(size: int, overlap: int) -> int:
    """The largest size up to `size` that tiles cover without a remainder."""
    return TILE + (size - TILE) // (TILE - 2 * overlap) * (TILE - 2 * overlap)


if __name__ == "__main__":
    main()
