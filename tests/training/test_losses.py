"""Losses against independent writings of their formulas."""

import numpy as np
import pytest
import torch

from aldsr.training import LOSSES

SR, HR = np.random.default_rng(0).random((2, 2, 3, 12, 10))


def slow_transform(image: np.ndarray) -> np.ndarray:
    """The definition of the discrete Fourier transform, along both axes; of the columns those that rfft2 has."""
    rows, columns = (np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) for n in image.shape[-2:])
    return (rows @ image @ columns)[..., : image.shape[-1] // 2 + 1]


def l1_fft() -> float:
    parts = slow_transform(SR) - slow_transform(HR)
    return float(np.abs(SR - HR).mean() + 0.05 * (np.abs(parts.real).mean() + np.abs(parts.imag).mean()) / 2)


EXPECTED = {
    "l1": np.abs(SR - HR).mean(),
    "mse": ((SR - HR) ** 2).mean(),
    "charbonnier": np.sqrt((SR - HR) ** 2 + 1e-6).mean(),
    "l1_fft": l1_fft(),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_formula(name: str) -> None:
    assert LOSSES[name](torch.tensor(SR), torch.tensor(HR)).item() == pytest.approx(EXPECTED[name], rel=1e-12)
    half = LOSSES[name](torch.tensor(SR).bfloat16().float(), torch.tensor(HR).float())
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(EXPECTED[name], rel=0.01)
