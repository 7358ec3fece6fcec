"""What aldsr's speed is compared with computes the same as aldsr."""

from fractions import Fraction

import pytest
import torch

from aldsr.bench.loading import resize_by_rows
from aldsr.bench.tasks import BenchmarkCase, benchmark_names
from aldsr.imaging import imresize
from aldsr.nn.description import BACKBONES
from aldsr.run.network import read_size


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_literal_equations_and_our_network_are_the_same_function(backbone: str) -> None:
    size = read_size(backbone.lower(), "tiny")
    literal, ours = (BenchmarkCase(name).build(size) for name in (benchmark_names(backbone)[0], f"ALD-{backbone}"))
    ours.load_state_dict(literal.state_dict())
    x = torch.rand(2, 3, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(ours.double()(x), literal.double()(x), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(each(x).square().sum(), list(each.parameters())) for each in (ours, literal)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scale", [Fraction(1, 4), Fraction(1, 3), Fraction(2, 5), Fraction(3), Fraction(4)])
def test_the_loop_over_rows_makes_the_same_image(scale: Fraction) -> None:
    image = torch.rand(3, 45, 62, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = imresize(image[None], scale, border="symmetric")[0]
    torch.testing.assert_close(resize_by_rows(image, float(scale)), expected, atol=1e-12, rtol=0)
