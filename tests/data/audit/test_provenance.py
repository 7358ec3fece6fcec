"""LR by MATLAB's bicubic passes, LR by anything else is measured and, where it is known, named."""

import io
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from aldsr.data.audit.provenance import lr_fault
from aldsr.imaging import imresize

Bytes = NDArray[np.uint8]
BORDERS = ("replicate", "symmetric")
ASTRONAUT: Bytes = skimage.data.astronaut()[:160, 100:300].copy()  # LR of scale 4: 50x40, 6000 values
COFFEE: Bytes = skimage.data.coffee()[:160, 100:300].copy()


def tensor(image: Bytes) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)


def matlab(hr: Bytes, *, scale: int = 4, border: str = "replicate") -> Bytes:
    small = imresize(tensor(hr)[None], Fraction(1, scale), border=border)  # type: ignore[arg-type]
    return small[0].permute(1, 2, 0).numpy()


def faults(hr: Bytes, lr: Bytes, *, scale: int = 4) -> list[tuple[str, str]]:
    return list(lr_fault(Path("set/a.png"), tensor(hr), Path("set/ax4.png"), tensor(lr), scale))


def fault(hr: Bytes, lr: Bytes, *, kind: str) -> str:
    """The sentence of the only fault."""
    ((found, said),) = faults(hr, lr)
    assert found == kind
    assert said.startswith("set/ax4.png: ")
    return said


def decibels(said: str) -> float:
    found = re.search(r"(\d+\.\d) dB", said)
    assert found
    return float(found[1])


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_by_matlab_passes(border: str, scale: int) -> None:
    hr = ASTRONAUT[:156, :192]
    assert faults(hr, matlab(hr, scale=scale, border=border), scale=scale) == []


def test_lr_of_the_image_cropped_to_a_multiple_passes() -> None:
    assert faults(ASTRONAUT[:159, :197], matlab(ASTRONAUT[:156, :196])) == []


def off_by(levels: int, *, values: int, border: str) -> Bytes:
    lr = matlab(ASTRONAUT, border=border).copy()
    changed = lr.reshape(-1)[:: 6000 // values][:values]
    changed += np.where(changed < 128, levels, -levels).astype(np.uint8)
    return lr


@pytest.mark.parametrize("border", BORDERS)
def test_one_level_in_one_value_of_a_thousand_is_rounding(border: str) -> None:
    assert faults(ASTRONAUT, off_by(1, values=6, border=border)) == []


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(("levels", "values"), [(1, 7), (2, 1)])
def test_more_than_that_is_a_fault(border: str, levels: int, values: int) -> None:
    said = fault(ASTRONAUT, off_by(levels, values=values, border=border), kind="LR not by MATLAB")
    assert f"up to {levels} levels" in said
    assert "looks like" not in said


@pytest.mark.parametrize("other", [matlab(ASTRONAUT, scale=2), matlab(ASTRONAUT)[:, :-1], matlab(ASTRONAUT)[1:]])
def test_another_size_is_a_fault(other: Bytes) -> None:
    said = fault(ASTRONAUT, other, kind="wrong size")
    assert f"is {other.shape[1]}x{other.shape[0]}, expected 50x40: a.png at scale 1/4" in said


def by_pillow(kernel: Image.Resampling) -> Bytes:
    return np.array(Image.fromarray(ASTRONAUT).resize((50, 40), kernel))


def inter_cubic() -> Bytes:
    """OpenCV's: a = -0.75, of the 4x4 pixels around the centre only."""
    weights = np.array([-3, 19, 19, -3]) / 32
    blocks = ASTRONAUT.reshape(40, 4, 50, 4, 3)
    return np.einsum("yixjc,i,j->yxc", blocks, weights, weights).round().clip(0, 255).astype(np.uint8)


def averaged() -> Bytes:
    return ASTRONAUT.reshape(40, 4, 50, 4, 3).mean((1, 3)).round().astype(np.uint8)


OTHERS: dict[str, Callable[[], Bytes]] = {
    "Pillow's bicubic": lambda: by_pillow(Image.Resampling.BICUBIC),
    "Pillow's Lanczos": lambda: by_pillow(Image.Resampling.LANCZOS),
    "OpenCV's INTER_CUBIC, which does not smooth": inter_cubic,
    "averaged blocks": averaged,
    "every scale-th pixel (nearest)": lambda: ASTRONAUT[::4, ::4],
}


@pytest.mark.parametrize("name", OTHERS)
def test_lr_by_another_library_is_named_and_measured(name: str) -> None:
    lr = OTHERS[name]()
    made = [matlab(ASTRONAUT, border=border) for border in BORDERS]
    said = fault(ASTRONAUT, lr, kind="LR not by MATLAB")
    assert said.endswith(f"; it looks like {name}")
    expected = max(peak_signal_noise_ratio(candidate, lr) for candidate in made)
    assert decibels(said) == pytest.approx(expected, abs=0.0501)
    levels = min(int(np.abs(candidate.astype(int) - lr).max()) for candidate in made)
    assert f"up to {levels} levels" in said


def test_what_looks_like_nothing_known_is_not_named() -> None:
    lr = matlab(ASTRONAUT)
    with io.BytesIO() as file:
        Image.fromarray(lr).save(file, "JPEG", quality=80)
        spoilt = np.array(Image.open(file))
    said = fault(ASTRONAUT, spoilt, kind="LR not by MATLAB")
    assert "looks like" not in said
    assert decibels(said) == pytest.approx(peak_signal_noise_ratio(lr, spoilt), abs=0.2)


@pytest.mark.parametrize("lr", [matlab(COFFEE), matlab(ASTRONAUT)[::-1]], ids=["another photograph", "upside down"])
def test_lr_of_another_image_is_said_to_be_that(lr: Bytes) -> None:
    said = fault(ASTRONAUT, lr, kind="LR of another image")
    assert "a.png" in said
    assert decibels(said) == pytest.approx(peak_signal_noise_ratio(matlab(ASTRONAUT), lr), abs=0.2)


def test_nearest_of_fine_texture_is_named() -> None:
    grass = np.repeat(skimage.data.grass()[:160, :200, None], 3, axis=2)
    assert "nearest" in fault(grass, grass[::4, ::4], kind="LR not by MATLAB")
