"""Loading is measured as training loads."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aldsr.bench.loading import measure_loading


def test_patches_are_flipped_by_bits_on_their_own_device(
    make_image: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = set()

    def augment(images: Tensor, flips: Tensor) -> Tensor:
        places.add((images.device.type, flips.device.type))
        return images

    for name, value in {"augment": augment, "decoding_rate": lambda **_: 1.0, "BATCHES": 1, "ROUNDS": 1}.items():
        monkeypatch.setattr(f"aldsr.bench.loading.{name}", value)
    make_image(tmp_path / "images" / "a.png")
    measure_loading([str(tmp_path / "images")], scale=2, patch_size=8, device=torch.device("meta"))
    assert places == {("meta", "meta")}
