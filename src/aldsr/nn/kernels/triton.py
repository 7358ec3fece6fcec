"""The RDB without concatenation on NVIDIA GPUs, in Triton: see `buffered_rdb`, which has the same interface.

The features lie in one channels-last buffer, `Tensor[B, H, W, T]`; layer c reads its first K channels and writes the
next G. The backward pass keeps the buffer and the weights. A linear layer (standard, LDW, ALD, BSConv) is one dense
convolution, a product on the tensor cores; DW computes its depthwise features in registers and multiplies them from
there. torch's own functions do the rest, also collapsing the weights, so that autograd knows the gradients of the
depthwise and pointwise weights and of the attention.

float32, in TF32 where torch's convolutions are (`torch.backends.cudnn`), bf16 and fp16; filters 3×3; any sizes. Sums
over pixels are sums of splits of a fixed size: the same numbers on every GPU of a kind, in every run.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor, library
from torch.nn import functional as F
from triton import cdiv, next_power_of_2

from aldsr.nn.kernels import triton_jit as jit
from aldsr.nn.kernels.choice import triton_computes
from aldsr.nn.layers import Layer, collapse_layer, compute_dtype, is_collapsible

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
SPLIT_PROGRAMS = 512  # of sums over pixels, at least, if there are as many pixels


class Launch(NamedTuple):
    """The largest tile of a kernel, in pixels, channels read and channels written, and how a GPU runs it."""

    pixels: int
    inputs: int
    outputs: int
    warps: int = 4
    stages: int = 3


# By kernel and bytes of a number. Not tuned on a GPU yet. Compiled for compute capabilities from 8.0 to 12.0 none takes
# more than 72 KiB of shared memory, where 99 KiB is the least that such a GPU has, or spills registers at the paper's
# size.
LAUNCHES = {
    ("conv", 2): Launch(128, 64, 64, warps=8),
    ("conv", 4): Launch(64, 32, 64),
    ("conv_weight", 2): Launch(64, 64, 64),
    ("conv_weight", 4): Launch(32, 64, 64),
    ("separable", 2): Launch(64, 32, 64, stages=2),
    ("separable_features", 2): Launch(64, 32, 64),
}
DEFAULT = Launch(32, 32, 32, stages=2)


def buffered_rdb(x: Tensor, layers: Sequence[Layer], weight: Tensor, bias: Tensor) -> Tensor:
    """See `buffered_rdb.buffered_rdb`."""
    dtype = compute_dtype(x)
    with torch.autocast(x.device.type, enabled=False):
        layers = [collapse_layer(layer) if is_collapsible(layer) else layer for layer in layers]
        tensors = [[each for each in layer if isinstance(each, Tensor)] for layer in layers]
        x = x.to(dtype).permute(0, 2, 3, 1)
        buffer = rdb_features(x, [each for layer in tensors for each in layer], [len(layer) for layer in tensors])
        output = F.linear(buffer, weight.flatten(1).to(dtype), bias.to(dtype)) + x
    return output.permute(0, 3, 1, 2)


def supports(x: Tensor, layers: Sequence[Layer]) -> bool:
    """Whether the kernels compute these layers for x."""
    return compute_dtype(x) in DTYPES and x.numel() > 0 and all(map(triton_computes, layers))


@library.custom_op("aldsr::rdb_features", mutates_args=())
def rdb_features(x: Tensor, weights: list[Tensor], sizes: list[int]) -> Tensor:
    """All features of an RDB, `Tensor[B, H, W, T]`, x first. `Tensor[B, H, W, G0]` → the same.

    `weights` are those of the layers in turn, `sizes` of them each: 2 of a `Dense` layer, 4 of a `Separable` one with
    an inner ReLU.
    """
    buffer, end = _empty_buffer(x, weights, sizes), x.shape[-1]
    buffer[..., :end] = x
    with torch.cuda.device_of(x):
        for layer in _split(weights, sizes):
            outputs = len(layer[-1])
            out, strides = buffer[..., end : end + outputs], (buffer.shape[-1],)
            if len(layer) == 2:
                taps = _taps(layer[0], x.dtype)
                pointers, strides = [taps, layer[1].contiguous(), out, out], (*strides * 2, *taps.stride())
                _launch("conv", buffer, pointers, end, outputs, *strides, over="outputs", RELU=True, SIGN=1)
            else:
                pointers = [each.contiguous() for each in layer]
                _launch("separable", buffer, [*pointers, out], end, outputs, *strides, over="outputs")
            end += outputs
    return buffer


@library.custom_op("aldsr::rdb_features_backward", mutates_args=())
def rdb_features_backward(grad: Tensor, buffer: Tensor, weights: list[Tensor], sizes: list[int]) -> list[Tensor]:
    """The gradients with respect to x and each of the weights, from that with respect to the features."""
    before, grads, end, found = grad.contiguous(), torch.empty_like(buffer), buffer.shape[-1], list[Tensor]()
    with torch.cuda.device_of(grad):
        for *filters, bias in reversed(_split(weights, sizes)):
            own, end = slice(end - len(bias), end), end - len(bias)
            gated = torch.ops.aten.threshold_backward(before[..., own], buffer[..., own], 0).contiguous()
            add_gradients = _add_dense_gradients if len(filters) == 1 else _add_separable_gradients
            by_bias = gated.sum((0, 1, 2), dtype=torch.float32).to(bias.dtype)
            found = [*add_gradients(buffer, gated, before, grads, *filters), by_bias, *found]
            before = grads  # of which the first `end` channels are there now
    return [grads[..., :end].contiguous(), *found]


@rdb_features.register_fake
def _empty_buffer(x: Tensor, weights: list[Tensor], sizes: list[int]) -> Tensor:
    growth = sum(len(layer[-1]) for layer in _split(weights, sizes))
    return x.new_empty(*x.shape[:-1], x.shape[-1] + growth)


@rdb_features_backward.register_fake
def _empty_gradients(grad: Tensor, buffer: Tensor, weights: list[Tensor], sizes: list[int]) -> list[Tensor]:
    growth = sum(len(layer[-1]) for layer in _split(weights, sizes))
    found = [torch.empty_like(each, memory_format=torch.contiguous_format) for each in weights]
    return [buffer.new_empty(*buffer.shape[:-1], buffer.shape[-1] - growth), *found]


def _keep(ctx: Any, inputs: tuple[Tensor, list[Tensor], list[int]], output: Tensor) -> None:
    _, weights, ctx.sizes = inputs
    ctx.save_for_backward(output, *weights)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, list[Tensor], None]:
    buffer, *weights = ctx.saved_tensors
    by_x, *by_weights = rdb_features_backward(grad, buffer, weights, ctx.sizes)
    return by_x, by_weights, None


rdb_features.register_autograd(_backward, setup_context=_keep)


def _split(weights: Sequence[Tensor], sizes: Sequence[int]) -> list[list[Tensor]]:
    rest = iter(weights)
    return [list(islice(rest, size)) for size in sizes]


def _taps(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Dense weights as the kernels read them. `Tensor[G, K, 3, 3]` → `Tensor[9, K, G]`."""
    return weight.flatten(2).permute(2, 1, 0).to(dtype, memory_format=torch.contiguous_format, copy=True)


def _add_dense_gradients(buffer: Tensor, grad: Tensor, before: Tensor, grads: Tensor, weight: Tensor) -> list[Tensor]:
    """Write `before` and the gradient with respect to what the layer reads to `grads`; return that of its weight.

    `grad`, `Tensor[B, H, W, G]`, is the gradient before the layer's ReLU.
    """
    outputs, inputs = weight.shape[:2]
    taps = _taps(weight, buffer.dtype).transpose(1, 2)
    pointers, strides = [taps, taps, before, grads], (outputs, buffer.shape[-1], *taps.stride())
    _launch("conv", grad, pointers, outputs, inputs, *strides, over="outputs", RELU=False, SIGN=-1)
    return [_sum_pixels("conv_weight", buffer, grad, weight, inputs, outputs)]


def _add_separable_gradients(
    buffer: Tensor, grad: Tensor, before: Tensor, grads: Tensor, depthwise: Tensor, bias: Tensor, pointwise: Tensor
) -> list[Tensor]:
    """The same for a separable layer; returns the gradients of its filters, their bias and the pointwise weight."""
    outputs, inputs = pointwise.shape[:2]
    weights = [each.contiguous() for each in (depthwise, bias, pointwise)]
    features, inner = (buffer.new_empty(*buffer.shape[:3], inputs) for _ in range(2))
    pointers, stride = [*weights, grad, features, inner], buffer.shape[-1]
    _launch("separable_features", buffer, pointers, inputs, outputs, stride, over="inputs")
    _launch("depthwise_input", inner, [weights[0], before, grads], inputs, outputs, stride, over="inputs")
    by_filters = _sum_pixels("depthwise_weight", buffer, inner, depthwise, inputs, 1)
    by_bias = inner.sum((0, 1, 2), dtype=torch.float32).to(bias.dtype)
    return [by_filters, by_bias, _sum_pixels("conv_weight", features, grad, pointwise, inputs, outputs)]


def _launch(
    kernel: str, x: Tensor, pointers: list[Tensor], inputs: int, outputs: int, *strides: int, over: str, **const: Any
) -> None:
    """Run a kernel for all tiles of the pixels of x and of the channels `over`, "inputs" or "outputs"."""
    tile, options = _tile(kernel, x, inputs, outputs)
    blocks = cdiv(inputs, tile.inputs) if over == "inputs" else cdiv(outputs, tile.outputs)
    pixels, arguments = x.shape[:3].numel(), (*x.shape[1:3], inputs, outputs, *strides)
    getattr(jit, kernel)[cdiv(pixels, tile.pixels), blocks](x, *pointers, pixels, *arguments, **options, **const)


def _sum_pixels(kernel: str, x: Tensor, grad: Tensor, weight: Tensor, inputs: int, outputs: int) -> Tensor:
    """The gradient of weights, a sum over the pixels of x: of splits first, then of these."""
    tile, options = _tile(kernel, x, inputs, outputs)
    pixels, taps = x.shape[:3].numel(), weight.shape[-1] ** 2
    blocks = taps * cdiv(inputs, tile.inputs), cdiv(outputs, tile.outputs)
    length = max(256, cdiv(pixels, cdiv(SPLIT_PROGRAMS, blocks[0] * blocks[1])))
    sums = x.new_empty(cdiv(pixels, length), *weight.shape, dtype=torch.float32)
    arguments = *x.shape[1:3], inputs, outputs, x.shape[-1], length
    getattr(jit, kernel)[*blocks, len(sums)](x, grad, sums, pixels, *arguments, TAPS=taps, **options)
    return sums.sum(0).to(weight.dtype)


def _tile(kernel: str, x: Tensor, inputs: int, outputs: int) -> tuple[Launch, dict[str, Any]]:
    """The tile of a kernel for so many channels, and the options that all kernels take."""
    most = LAUNCHES.get((kernel, x.element_size()), DEFAULT)
    inputs, outputs = (max(16, next_power_of_2(each)) for each in (inputs, outputs))
    tile = most._replace(inputs=min(most.inputs, inputs), outputs=min(most.outputs, outputs))
    # A newer torch refuses to read the one setting where the other was written.
    setting = getattr(torch.backends.cudnn, "conv", None)
    tf32 = setting.fp32_precision == "tf32" if setting else torch.backends.cudnn.allow_tf32
    sizes = {"PIXELS": tile.pixels, "INPUTS": tile.inputs, "OUTPUTS": tile.outputs}
    return tile, sizes | {"PRECISION": "tf32" if tf32 else "ieee", "num_warps": tile.warps, "num_stages": tile.stages}
