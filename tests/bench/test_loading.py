"""The loader's rate."""

import torch

from aldsr.bench.loading import decoding_rate, loading_rate
from aldsr.data import CachedPair


def test_the_loading_rate_counts_pairs() -> None:
    pair = CachedPair("a", torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(3, 16, 16, dtype=torch.uint8))
    rates = loading_rate([pair], scale=4, patch_size=8, batches=2, rounds=1)
    assert rates["cut"] > rates["augmented"] > rates["float"] > 0


def test_decoding_a_file_for_every_patch_has_a_rate() -> None:
    assert decoding_rate(scale=4, patch_size=8, images=1, pairs=1) > 0
