"""Depthwise convolution of channels that lie among others in a channels-last buffer, forward and backward.

The compiled kernels of `cpu` read and add to the buffer in place; torch's own (oneDNN's) functions copy the input and
cannot add to an output. They serve where there is no compiler, and the types and sizes that the kernels do not support.

B images of H×W pixels, K channels, filters k×k.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.nn.kernels import cpu


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, *, rows: slice, relu: bool = False) -> Tensor:
    """Convolve some of the H rows of images, with zeros beyond the edges, then apply a ReLU if `relu`.

    `Tensor[B, H, W, K]` with any strides between pixels → `Tensor[B, rows, W, K]`, contiguous. `weight` and `bias` are
    `Tensor[K, 1, k, k]` and `Tensor[K]` of x's type.
    """
    if cpu.supports(x.dtype, [weight]):
        return cpu.depthwise_conv(x, weight, bias, rows=rows, relu=relu)
    halo = weight.shape[-1] // 2
    top, bottom = max(0, rows.start - halo), min(x.shape[1], rows.stop + halo)
    missing = halo - (rows.start - top), halo - (bottom - rows.stop)  # rows beyond the image, which are zero
    padded = F.pad(x[:, top:bottom], (0, 0, 0, 0, *missing)) if any(missing) else x[:, top:bottom].contiguous()
    result = F.conv2d(padded.permute(0, 3, 1, 2), weight, bias, padding=(0, halo), groups=len(weight))
    result = F.relu(result, inplace=True) if relu else result
    return result.permute(0, 2, 3, 1)


def add_depthwise_gradients(grad_x: Tensor, grad_weight: Tensor, x: Tensor, grad: Tensor, weight: Tensor) -> None:
    """Add the gradients of a convolution with respect to its input and its weights.

    `grad_x` and `x` are `Tensor[B, H, W, K]` with any strides between pixels, `grad_weight` and `weight`
    `Tensor[K, 1, k, k]`. `grad`, with respect to the result, is `Tensor[B, H, W, K]`, contiguous.
    """
    if cpu.supports(grad.dtype, [weight]):
        cpu.add_depthwise_gradients(grad_x, grad_weight, x, grad, weight)
        return
    halo = weight.shape[-1] // 2
    options = ([1, 1], [halo, halo], [1, 1], False, [0, 0], len(weight), [True, True, False])
    x, grad = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), grad.permute(0, 3, 1, 2)
    # The functions of torch.nn.grad would run the backward pass twice.
    by_x, by_weight, _ = torch.ops.aten.convolution_backward(grad, x, weight, None, *options)
    grad_x += by_x.permute(0, 2, 3, 1)
    grad_weight += by_weight


def relu_backward(grad: Tensor, result: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The gradient before a ReLU, `Tensor[B · H · W, K]`, and its sum over all pixels, `Tensor[K]` of type `dtype`.

    `grad`, after the ReLU, and `result`, the ReLU's, are `Tensor[B, H, W, K]` with any strides between pixels.
    """
    channels = grad.shape[-1]
    if cpu.is_available(grad.dtype) and channels % cpu.CHANNELS == 0:
        before, total = cpu.relu_backward(grad, result)
        return before, total.to(dtype)
    before = grad.new_empty(grad.shape[:-1].numel(), channels)
    torch.mul(grad, ~(result <= 0), out=before.view_as(grad))
    return before, before.sum(0, dtype=dtype)
