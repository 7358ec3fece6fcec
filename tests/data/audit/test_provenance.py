"""LR by MATLAB's bicubic passes; LR by anything else is measured and, where the method is known, named."""

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
    assert not fault or f"up to {levels} levels" in fault[1]


def inter_cubic() -> Bytes:
    """OpenCV's: a = -0.75, of the 4x4 pixels around the centre only."""
    weights = np.array([-3, 19, 19, -3]) / 32
    blocks = ASTRONAUT.reshape(40, 4, 50, 4, 3)
    return np.einsum("yixjc,i,j->yxc", blocks, weights, weights).round().clip(0, 255).astype(np.uint8)


IMAGE = Image.fromarray(ASTRONAUT)


@pytest.mark.parametrize(
    ("name", "lr"),
    [
        ("Pillow's bicubic", np.array(IMAGE.resize((50, 40), Image.Resampling.BICUBIC))),
        ("Pillow's Lanczos", np.array(IMAGE.resize((50, 40), Image.Resampling.LANCZOS))),
        ("INTER_CUBIC", inter_cubic()),
        ("averaged blocks", np.array(IMAGE.reduce(4))),
        ("nearest", ASTRONAUT[::4, ::4]),
        ("", matlab(ASTRONAUT)[:, :, ::-1] // 2 + matlab(ASTRONAUT) // 2),
    ],
)
def test_lr_by_another_method_is_measured_and_named(name: str, lr: Bytes) -> None:
    kind, message = check(ASTRONAUT, lr) or ("", "")
    assert kind == "LR not by MATLAB"
    assert ("looks like" in message) == bool(name)
    assert name in message
    distance = max(peak_signal_noise_ratio(matlab(ASTRONAUT, border=border), lr) for border in BORDERS)
    assert f"{distance:.1f} dB" in message


GRASS = np.repeat(skimage.data.grass()[:160, :200, None], 3, axis=2)


@pytest.mark.parametrize(
    ("hr", "lr", "kind"),
    [
        (ASTRONAUT, matlab(skimage.data.coffee()[:160, 100:300]), "LR of another image"),
        (ASTRONAUT, matlab(ASTRONAUT)[::-1], "LR of another image"),
        (ASTRONAUT, matlab(ASTRONAUT)[:, :-1], "wrong size"),
        (GRASS, GRASS[::4, ::4], "LR not by MATLAB"),  # fine texture: nearest is far from bicubic
    ],
)
def test_lr_of_another_image(hr: Bytes, lr: Bytes, kind: str) -> None:
    assert (check(hr, lr) or ("", ""))[0] == kind
