"""Descriptors of depthwise filters, held against torch.linalg and plain loops."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from aldsr.nn import Descriptor, average, determinant, maximum, scale_free, standardised, zero


def filters(*, channels: int = 6, k: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, k, k, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7])
def test_determinant_equals_linalg_det(k: int) -> None:
    w = filters(k=k)
    torch.testing.assert_close(determinant(w), torch.linalg.det(w), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_gradient_of_determinant_equals_that_of_linalg_det(k: int) -> None:
    w, weights = filters(k=k), torch.linspace(-1, 2, 6, dtype=torch.float64)
    (ours,) = torch.autograd.grad((determinant(w) * weights).sum(), w)
    (theirs,) = torch.autograd.grad((torch.linalg.det(w) * weights).sum(), w)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_determinant_passes_gradcheck_twice(k: int) -> None:
    w = filters(channels=2, k=k)
    assert torch.autograd.gradcheck(determinant, w)
    assert torch.autograd.gradgradcheck(determinant, w)


def test_determinant_of_a_singular_filter_and_its_gradient_are_finite() -> None:
    w = torch.ones(1, 3, 3, dtype=torch.float64, requires_grad=True)
    z = determinant(w)
    z.sum().backward()
    assert z.item() == 0
    assert w.grad is not None
    assert torch.equal(w.grad, torch.zeros_like(w))  # every 2x2 minor of a matrix of ones is zero


def test_determinant_of_a_filter_worked_out_by_hand() -> None:
    # By the first row: 2·(1·4 - 5·2) - 0·(…) + 3·(-1·2 - 1·6) = 2·(-6) + 3·(-8) = -36
    w = torch.tensor([[[2.0, 0.0, 3.0], [-1.0, 1.0, 5.0], [6.0, 2.0, 4.0]]])
    assert determinant(w).tolist() == [-36.0]


def test_determinant_gives_each_filter_its_own_number() -> None:
    w = torch.eye(3).repeat(3, 1, 1) * torch.tensor([1.0, 2.0, -3.0]).view(3, 1, 1)
    assert determinant(w).tolist() == [1.0, 8.0, -27.0]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_average_is_the_mean_of_each_filter(k: int) -> None:
    w = filters(k=k)
    by_loop = [sum(value for row in matrix for value in row) / k**2 for matrix in w.tolist()]
    assert average(w).tolist() == pytest.approx(by_loop, rel=1e-12)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_maximum_is_the_largest_weight_of_each_filter_not_the_largest_magnitude(k: int) -> None:
    w = filters(k=k) - 2
    by_loop = [max(value for row in matrix for value in row) for matrix in w.tolist()]
    assert maximum(w).tolist() == by_loop


def test_gradient_of_average_is_even_and_that_of_maximum_falls_on_one_weight() -> None:
    w = filters(channels=4)
    (even,) = torch.autograd.grad(average(w).sum(), w)
    torch.testing.assert_close(even, torch.full_like(w, 1 / 9))
    (peaked,) = torch.autograd.grad(maximum(w).sum(), w)
    assert torch.equal(peaked, (w == w.amax((-2, -1), keepdim=True)).double())


def test_zero_is_zero_whatever_the_filters() -> None:
    w = filters() * torch.inf
    assert torch.equal(zero(w), torch.zeros(6, dtype=torch.float64))


def test_zero_sends_no_gradient_to_the_filters() -> None:
    w = filters()
    gain = torch.ones(6, dtype=torch.float64, requires_grad=True)
    (zero(w) * gain + gain).sum().backward()
    assert w.grad is None or torch.equal(w.grad, torch.zeros_like(w))


@pytest.mark.parametrize("descriptor", [average, determinant, maximum])
def test_standardised_is_centred_and_divided_by_the_standard_deviation(descriptor: Descriptor) -> None:
    w = filters(channels=32)
    z = descriptor(w).detach().numpy()
    expected = (z - z.mean()) / z.std()
    ours = standardised(w, of=descriptor).detach().numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("scale", [0.1, 10])
def test_standardised_determinants_of_small_filters_are_as_large_as_those_of_large_ones(scale: float) -> None:
    w = filters(channels=32).float() * 0.2  # 0.2: about the size at initialisation
    torch.testing.assert_close(
        standardised(scale * w, of=determinant), standardised(w, of=determinant), rtol=1e-3, atol=1e-3
    )


def test_channels_that_agree_are_standardised_to_zero_with_finite_gradients() -> None:
    w = filters(channels=1).repeat(5, 1, 1).detach().requires_grad_()
    z = standardised(w, of=determinant)
    assert z.abs().max().item() < 1e-6
    (gradient,) = torch.autograd.grad((z * torch.arange(5)).sum(), w)
    assert gradient.isfinite().all()
    assert torch.equal(standardised(w, of=zero), torch.zeros(5, dtype=torch.float64))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_scale_free_determinant_is_the_determinant_over_the_norm_to_the_k(k: int) -> None:
    w = filters(k=k).detach()
    expected = [np.linalg.det(d) / (np.linalg.norm(d) / k) ** k for d in w.numpy()]
    np.testing.assert_allclose(scale_free(w, of=determinant).numpy(), expected, rtol=1e-10)


def test_scale_free_determinant_is_largest_for_orthogonal_filters_of_any_size() -> None:
    q = torch.linalg.qr(filters(channels=1).detach()).Q
    z = scale_free(torch.cat((q, 1e-3 * q, -50 * q)), of=determinant).abs()
    torch.testing.assert_close(z, torch.full_like(z, 27**0.5), rtol=1e-5, atol=0)
    assert (scale_free(filters(channels=100), of=determinant).abs() < 27**0.5).all()


def test_scale_free_determinant_of_a_filter_of_zeros_is_zero_with_a_finite_gradient() -> None:
    w = torch.zeros(2, 3, 3, requires_grad=True)
    z = scale_free(w, of=determinant)
    (gradient,) = torch.autograd.grad(z.sum(), w)
    assert torch.equal(z, torch.zeros(2))
    assert gradient.isfinite().all()


MADE = [
    partial(standardised, of=determinant),
    partial(standardised, of=average),
    partial(scale_free, of=determinant),
    partial(standardised, of=partial(scale_free, of=determinant)),
]


@pytest.mark.parametrize("descriptor", MADE)
def test_descriptors_made_of_others_pass_gradcheck(descriptor: Descriptor) -> None:
    assert torch.autograd.gradcheck(descriptor, filters(channels=4))


@pytest.mark.parametrize("descriptor", [average, determinant, maximum, zero, *MADE])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_descriptor_gives_one_number_per_filter_of_the_filters_type(
    descriptor: Descriptor, dtype: torch.dtype
) -> None:
    z = descriptor(filters(channels=5).to(dtype))
    assert z.shape == (5,)
    assert z.dtype == dtype
