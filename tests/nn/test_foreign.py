"""Networks and weights of others."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from aldsr.nn.description import NetworkError
from aldsr.nn.foreign import read_state_dict

STATE = {"head.weight": torch.ones(2), "tail.bias": torch.zeros(3)}


def under(prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in STATE.items()}


@pytest.mark.parametrize(
    "content",
    [
        OrderedDict(STATE),
        {"params": under("x."), "params_ema": STATE},
        {"state_dict": under("module."), "epoch": 3},
        {"model": {"state_dict": under("_orig_mod.module.")}, "optimizer": {"lr": 1}},
        under("network."),
    ],
)
def test_weights_are_found_in_what_training_code_wraps_them_in(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    assert list(read_state_dict(tmp_path / "w.pth")) == list(STATE)


def test_weights_of_a_safetensors_file(tmp_path: Path) -> None:
    save_file(under("module."), tmp_path / "w.safetensors")
    torch.testing.assert_close(read_state_dict(tmp_path / "w.safetensors"), STATE)


def test_a_file_without_weights_is_named_and_never_run(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with pytest.raises(NetworkError, match=r"w\.pth"):
        read_state_dict(file)
    for content in (nn.Linear(1, 1), {"epoch": 3, "lr": 0.1}, [torch.ones(2)], {}):
        torch.save(content, file)
        with pytest.raises(NetworkError, match=r"w\.pth"):
            read_state_dict(file)
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(NetworkError, match=r"w\.pth"):
        read_state_dict(file)
