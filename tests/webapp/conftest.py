"""A small network for the page."""

from pathlib import Path

import pytest
import torch

from aldsr.nn.description import build
from aldsr.nn.weights import pack_weights
from tests.test_upscale import TINY, add_noise


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an untrained network: bicubic, and something made up that sees its surroundings."""
    torch.manual_seed(0)
    network, path = build(TINY), tmp_path_factory.mktemp("network") / "weights.safetensors"
    add_noise(network)
    path.write_bytes(pack_weights(network, TINY))
    return path
