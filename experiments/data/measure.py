"""How training images are best kept: seconds to the first batch, pairs per second on one core, bytes on disk.

    python experiments/data/measure.py [--images 100000] [--kinds raw packed none] [--folder DIR]

Makes its own stand-ins in DIR, the same every time: N small images of 64 to 128 pixels a side (at most 3 GB for
100,000), and 24 of 2040x1356, tiled from the package's photographs. Each start is a process of its own, with
fingerprints, as in aldsr.train. LR is made (x2, patches of 24x24; large images: x4, 48x48). Prints a table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

COLOUR = ("astronaut", "chelsea", "coffee", "motorcycle", "rocket")
BATCH, ROUNDS, ROUND = 16, 5, 2.0  # patches, rounds, seconds of a round
LARGE = (1356, 2040)  # as DIV2K's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000, help="small ones (default 100,000)")
    parser.add_argument("--large", type=int, default=24, help="large ones (default 24)")
    parser.add_argument("--kinds", nargs="+", default=["raw", "packed", "none"], help="values of data.cache")
    parser.add_argument("--folder", type=Path, help="for the stand-ins and caches (default: a temporary one)")
    options = parser.parse_args()
    print("| images | data.cache | kept | GB on disk | first start, s | second start, s | pairs/s per core |")
    print("|---|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, number in (("small", options.images), ("large", options.large)):
            images = Path(folder, name)
            write_images(images, number, sides=None if name == "small" else LARGE)
            for kind in options.kinds:
                cache = Path(folder, f"cache-{name}-{kind}")
                first, second = (start(images, kind, cache, scale=2 if name == "small" else 4) for _ in range(2))
                size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file()) / 1e9
                seconds = f"{first['seconds']:.1f} | {second['seconds']:.1f} | {second['rate']:,.0f}"
                print(f"| {number:,} {name} | {kind} | {second['kept']} | {size:.2f} | {seconds} |", flush=True)
                shutil.rmtree(cache)


def write_images(folder: Path, number: int, sides: tuple[int, int] | None) -> None:
    """Crops of five photographs, of 64 to 128 pixels a side, or of mosaics of them."""
    from aldsr.data import read_image
    from aldsr.data.photographs import write_photographs

    folder.mkdir(parents=True)
    source = write_photographs(folder.parent / "photographs") / "HR"
    photographs = [read_image(source / f"{name}.png") for name in COLOUR]

    def write(number: int) -> None:
        rng = np.random.default_rng(number)
        picture = photographs[number % len(photographs)]
        height, width = sides or rng.integers(64, 129, 2)
        if sides:
            picture = np.tile(picture, (6, 6, 1))
        y, x = rng.integers(0, picture.shape[0] - height + 1), rng.integers(0, picture.shape[1] - width + 1)
        crop = Image.fromarray(np.ascontiguousarray(picture[y : y + height, x : x + width]))
        crop.save(folder / f"{number:06}.png", compress_level=3)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write, range(number)))


def start(images: Path, kind: str, cache: Path, *, scale: int) -> dict:
    """One start in a process of its own: seconds to the first batch without imports, then the rate."""
    command = [sys.executable, __file__, "--start", str(images), kind, str(scale)]
    environment = {**os.environ, "ALDSR_CACHE": str(cache)}
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def measure_start(images: str, kind: str, scale: int) -> None:
    """What that process does."""
    import torch

    from aldsr.data import Patches, SuperResolutionData, fingerprint
    from aldsr.data.cache import describe_cache

    torch.set_num_threads(1)
    side, begun = 12 * scale, time.perf_counter()
    how = {"train_dirs": [images], "train_lr_dirs": ["made"], "eval_dirs": [], "cache": kind}
    data = SuperResolutionData(scale=scale, patch_size=side, **how)
    data.prepare_data()
    pairs = data.train_pairs
    prints = [fingerprint(pair.hr for pair in pairs), fingerprint(pair.lr for pair in pairs)]
    patches = Patches(pairs, patch_size=side, scale=scale, seed=0)
    batch = patches[range(BATCH)]
    check = int(batch.hr.sum())  # the same for all kinds
    seconds, rates, number = time.perf_counter() - begun, [], 0
    for _ in range(ROUNDS):
        first, begun = number, time.perf_counter()
        while (passed := time.perf_counter() - begun) < ROUND:
            number += 1
            patches[range(BATCH * number, BATCH * (number + 1))]
        rates.append(BATCH * (number - first) / passed)
    kept = describe_cache(pairs).partition(" in ")[2].rpartition(",")[0]
    result = {"seconds": seconds, "rate": median(rates), "kept": kept, "fingerprints": prints, "sum": check}
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--start"]:
        measure_start(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
