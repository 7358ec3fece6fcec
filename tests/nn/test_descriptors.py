"""Descriptors of depthwise filters, compared with torch.linalg, numpy and plain loops."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from aldsr.nn import Descriptor, average, determinant, maximum, scale_free, standardised, zero


def filters(*, channels: int = 6, k: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(channels, k, k, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7])
def test_determinant_and_its_gradient_are_those_of_linalg_det(k: int) -> None:
    w, weights = filters(k=k), torch.linspace(-1, 2, 6, dtype=torch.float64)
    ours, theirs = determinant(w), torch.linalg.det(w)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    grads = [torch.autograd.grad((each * weights).sum(), w)[0] for each in (ours, theirs)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)


def test_determinant_of_filters_worked_out_by_hand() -> None:
    # By the first row: 2·(1·4 - 5·2) - 0·(…) + 3·(-1·2 - 1·6) = 2·(-6) + 3·(-8) = -36
    w = torch.tensor([[[2.0, 0.0, 3.0], [-1.0, 1.0, 5.0], [6.0, 2.0, 4.0]]])
    assert determinant(torch.cat((w, -3 * torch.eye(3)[None]))).tolist() == [-36.0, -27.0]
    singular = torch.ones(1, 3, 3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(determinant(singular), singular)
    assert torch.equal(gradient, torch.zeros_like(gradient))  # every 2x2 minor of a matrix of ones is zero


def test_average_maximum_and_zero_are_those_of_each_filter() -> None:
    w = filters(k=5) - 2  # so that the largest weight is not the one of the largest magnitude
    values = [[value for row in matrix for value in row] for matrix in w.tolist()]
    assert average(w).tolist() == pytest.approx([sum(each) / 25 for each in values], rel=1e-12)
    assert maximum(w).tolist() == [max(each) for each in values]
    assert torch.equal(zero(w * torch.inf), torch.zeros(6, dtype=torch.float64))
    assert not zero(w).requires_grad


@pytest.mark.parametrize("descriptor", [average, determinant, maximum])
def test_standardised_is_centred_and_divided_by_the_standard_deviation(descriptor: Descriptor) -> None:
    w = filters(channels=32)
    z = descriptor(w).detach().numpy()
    ours = standardised(w, of=descriptor).detach().numpy()
    np.testing.assert_allclose(ours, (z - z.mean()) / z.std(), rtol=1e-10, atol=1e-11)


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
    zeros = torch.zeros(2, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(scale_free(zeros, of=determinant).sum(), zeros)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("descriptor", [average, determinant, maximum, zero])
def test_every_descriptor_gives_one_number_per_filter_of_the_filters_type(descriptor: Descriptor) -> None:
    both = partial(standardised, of=partial(scale_free, of=descriptor))
    for modified in (descriptor, partial(standardised, of=descriptor), partial(scale_free, of=descriptor), both):
        for dtype in (torch.float32, torch.float64):
            z = modified(filters(channels=5).to(dtype))
            assert (z.shape, z.dtype) == ((5,), dtype)
        assert descriptor is zero or torch.autograd.gradcheck(modified, filters(channels=4))
