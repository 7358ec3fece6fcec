"""A small network for the page."""

from pathlib import Path

import pytest
import torch

from aldsr.nn.description import build
from aldsr.nn.weights import packed

TINY = {
    "_target_": "aldsr.nn.RDN",
    "scale": 4,
    "D": 1,
    "C": 2,
    "G": 8,
    "G0": 8,
    "residual": "bicubic",
    "conv": {"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "reduction": 8},
}


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an untrained network: bicubic, and something made up that sees its surroundings."""
    torch.manual_seed(0)
    network, path = build(TINY), tmp_path_factory.mktemp("network") / "weights.safetensors"
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    path.write_bytes(packed(network, TINY))
    return path
