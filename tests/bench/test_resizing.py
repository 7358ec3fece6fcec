"""The resize benchmark measures two ways to the same picture."""

from fractions import Fraction

import pytest
import torch

from aldsr.bench.resizing import resize_by_rows, resize_times
from aldsr.imaging import imresize


@pytest.mark.parametrize("scale", [Fraction(1, 4), Fraction(1, 3), Fraction(2, 5), Fraction(3), Fraction(4)])
def test_the_literal_port_makes_the_same_picture(scale: Fraction) -> None:
    image = torch.rand(3, 45, 62, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = imresize(image[None], scale, border="symmetric")[0]
    torch.testing.assert_close(resize_by_rows(image, float(scale)), expected, atol=1e-12, rtol=0)


def test_both_are_timed() -> None:
    assert all(seconds > 0 for seconds in resize_times(height=16, width=24, rounds=1).values())
