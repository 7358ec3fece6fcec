"""LR by MATLAB's bicubic passes; LR by anything else is measured and, where the method is known, named."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from aldsr.data.audit.provenance import check_lr
from aldsr.imaging import imresize

Bytes = NDArray[np.uint8]
BORDERS = ("replicate", "symmetric")
ASTRONAUT: Bytes = skimage.data.astronaut()[:160, 100:300].copy()  # LR of scale 4: 50x40, 6000 values
COFFEE: Bytes = skimage.data.coffee()[:160, 100:300].copy()


def tensor(image: Bytes) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def matlab(hr: Bytes, *, scale: int = 4, border: Any = "replicate") -> Bytes:
    return imresize(tensor(hr)[None], Fraction(1, scale), border=border)[0].permute(1, 2, 0).numpy()


def check(hr: Bytes, lr: Bytes, *, scale: int = 4) -> tuple[str, str] | None:
    return check_lr(Path("set/a.png"), tensor(hr), Path("set/ax4.png"), tensor(lr), scale)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("scale", [2, 3])
def test_lr_by_matlab_passes(border: str, scale: int) -> None:
    lr = matlab(ASTRONAUT[:156, :192], scale=scale, border=border)
    assert check(ASTRONAUT[: 156 + scale - 1, :192], lr, scale=scale) is None  # HR is cropped to a multiple


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("levels", "values", "passes"), [(1, 6, True), (1, 7, False), (2, 1, False)])
def test_one_level_in_one_value_of_a_thousand_is_rounding(border: str, levels: int, values: int, passes: bool) -> None:
    lr = matlab(ASTRONAUT, border=border).copy()
    changed = lr.reshape(-1)[:: 6000 // values][:values]
    changed += np.where(changed < 128, levels, -levels).astype(np.uint8)
    fault = check(ASTRONAUT, lr)
    assert (fault is None) is passes
    if fault:
        assert fault[0] == "LR not by MATLAB"
        assert f"up to {levels} levels" in fault[1]


def inter_cubic() -> Bytes:
    """OpenCV's: a = -0.75, of the 4x4 pixels around the centre only."""
    weights = np.array([-3, 19, 19, -3]) / 32
    blocks = ASTRONAUT.reshape(40, 4, 50, 4, 3)
    return np.einsum("yixjc,i,j->yxc", blocks, weights, weights).round().clip(0, 255).astype(np.uint8)


def pillow(kernel: Image.Resampling) -> Bytes:
    return np.array(Image.fromarray(ASTRONAUT).resize((50, 40), kernel))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("Pillow's bicubic", lambda: pillow(Image.Resampling.BICUBIC)),
        ("Pillow's Lanczos", lambda: pillow(Image.Resampling.LANCZOS)),
        ("INTER_CUBIC", inter_cubic),
        ("averaged blocks", lambda: ASTRONAUT.reshape(40, 4, 50, 4, 3).mean((1, 3)).round().astype(np.uint8)),
        ("nearest", lambda: ASTRONAUT[::4, ::4]),
        ("", lambda: matlab(ASTRONAUT)[:, :, ::-1] // 2 + matlab(ASTRONAUT) // 2),
    ],
)
def test_lr_by_another_method_is_measured_and_named(name: str, make: Callable[[], Bytes]) -> None:
    lr = make()
    kind, message = check(ASTRONAUT, lr) or ("", "")
    assert kind == "LR not by MATLAB"
    assert ("looks like" in message) == bool(name)
    assert name in message
    distance = max(peak_signal_noise_ratio(matlab(ASTRONAUT, border=border), lr) for border in BORDERS)
    assert f"{distance:.1f} dB" in message


@pytest.mark.parametrize(
    ("lr", "kind"),
    [
        (matlab(COFFEE), "LR of another image"),
        (matlab(ASTRONAUT)[::-1], "LR of another image"),
        (matlab(ASTRONAUT)[:, :-1], "wrong size"),
    ],
)
def test_lr_of_another_image(lr: Bytes, kind: str) -> None:
    assert (check(ASTRONAUT, lr) or ("", ""))[0] == kind


def test_nearest_of_fine_texture_is_no_other_image() -> None:
    grass = np.repeat(skimage.data.grass()[:160, :200, None], 3, axis=2)
    assert "nearest" in (check(grass, grass[::4, ::4]) or ("", ""))[1]
