"""A small network for the page."""

from pathlib import Path

import pytest
import torch

from aldsr.nn.description import build
from tests.nn.conftest import save
from tests.planted import add_noise
from tests.test_upscale import TINY


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an untrained network: bicubic, and something made up that sees its surroundings."""
    torch.manual_seed(0)
    network = build(TINY)
    add_noise(network)
    return save(tmp_path_factory.mktemp("network") / "weights.safetensors", network, TINY)
