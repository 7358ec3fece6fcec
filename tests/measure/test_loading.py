"""The loader's rate."""

import torch

from aldsr.data import CachedPair
from aldsr.measure.loading import loading_rate


def test_the_loading_rate_counts_pairs() -> None:
    pair = CachedPair("a", torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(3, 16, 16, dtype=torch.uint8))
    rates = loading_rate([pair], scale=4, patch_size=8, batches=2, rounds=1)
    assert rates["cut"] > rates["augmented"] > rates["float"] > 0
