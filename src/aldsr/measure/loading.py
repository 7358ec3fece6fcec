"""How fast training patches come from the cache."""

import time
from collections.abc import Sequence
from statistics import median

import torch

from aldsr.data import CachedPair, Patches, augment
from aldsr.data.datamodule import unit_float

BATCH = 16  # the paper's


def loading_rate(
    pairs: Sequence[CachedPair],
    *,
    scale: int,
    patch_size: int,
    batches: int = 40,
    rounds: int = 5,
) -> dict[str, float]:
    """Pairs per second on one core: cut and collated, then flipped and turned, then made float too.

    Every round times each stage on the same batches; the median of the rounds counts.

    Returns:
        Pairs per second after each stage: "cut", "augmented", "float".
    """
    patches = Patches(pairs, patch_size=patch_size, scale=scale, seed=0)
    numbers = [range(n * BATCH, (n + 1) * BATCH) for n in range(batches)]
    seconds: dict[str, list[float]] = {"cut": [], "augmented": [], "float": []}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(rounds + 1):  # the first warms up
            started = time.perf_counter()
            cut = [patches.__getitems__(batch) for batch in numbers]
            seconds["cut"].append(time.perf_counter() - started)
            turned = [(augment(batch.lr, batch.flips), augment(batch.hr, batch.flips)) for batch in cut]
            seconds["augmented"].append(time.perf_counter() - started)
            for lr, hr in turned:
                unit_float(lr), unit_float(hr)
            seconds["float"].append(time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return {stage: batches * BATCH / median(times[1:]) for stage, times in seconds.items()}
