"""A residual dense block without concatenation: every feature is written once, to its place in one buffer.

An RDB as usually written concatenates all earlier features before each of its C layers, which copies O(C²) of them
and keeps every copy for the backward pass. Here the features lie side by side in one channels-last buffer; layer c
reads its first G0 + c·G channels and writes the next G. The backward pass keeps that buffer alone and computes the
results of the depthwise convolutions again (cf. Pleiss et al., Memory-Efficient Implementation of DenseNets, 2017).

On a CPU the tensors of a layer must stay in the cache: beyond it, a depthwise convolution runs at a tenth of its
speed. So images are computed in strips of rows of about `STRIP_BYTES`, in which all layers follow one another, each
`halo` rows behind the one before, whose rows it reads.

B images, H×W pixels, K input and G output channels of a layer, T = G0 + C·G channels in all.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from aldsr.core.hooks import has_hooks
from aldsr.nn.kernels import choice, cpu, ops
from aldsr.nn.layers import RELU, Layer, Separable, compute_dtype, has_layer

STRIP_BYTES = 11 * 2**19  # of the buffer, computed at a time: two patches of 48x48 at the paper's size


def is_eager_on_cpu(x: Tensor) -> bool:
    """Whether x is on a CPU and computed now: not a tensor without values, and no graph is being recorded."""
    recording = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return x.is_cpu and type(x) in (Tensor, nn.Parameter) and not recording


def find_layers(blocks: Sequence[nn.Module], x: Tensor, *, others: Sequence[nn.Module] = ()) -> list[Layer] | None:
    """The layers of an RDB's blocks if `buffered_rdb` can compute it: all with ReLU, on a CPU depthwise first.

    None otherwise; also with hooks on a block or on one of `others`, which would not be called, for training on a CPU
    without compiled kernels, where concatenating is faster, and on a GPU unless Triton was chosen (see `choice`), which
    is said once if Triton was chosen and cannot compute them.
    """
    triton = choice.chosen if x.is_cuda and not torch.jit.is_tracing() else None
    if not (triton or is_eager_on_cpu(x)) or not all(has_layer(each) for each in blocks):
        return None
    if has_hooks((*blocks, *others)):
        if triton:
            choice.warn_of_torch("of the hooks on its modules")
        return None
    layers = [each.layer() for each in blocks]  # type: ignore[operator]
    if triton:
        if triton.supports(x, layers):
            return layers
        if x.numel():
            choice.warn_of_torch(f"of its blocks or of {compute_dtype(x)}")
        return None
    if not all(isinstance(layer, Separable) and type(layer.activation) is nn.ReLU for layer in layers):
        return None
    compiled = cpu.supports(compute_dtype(x), [layer.depthwise for layer in layers])
    return layers if compiled or not _requires_grad(x, layers) else None


def buffered_rdb(x: Tensor, layers: Sequence[Any], weight: Tensor, bias: Tensor) -> Tensor:
    """Densely connected layers, local feature fusion (LFF), local residual. `Tensor[B, G0, H, W]` → the same.

    Layer c maps G0 + c·G channels to G; the LFF has `weight`, `Tensor[G0, T, 1, 1]`, and `bias`, `Tensor[G0]`.
    """
    if x.is_cuda and choice.chosen:
        return choice.chosen.buffered_rdb(x, layers, weight, bias)
    if not _requires_grad(x, [*layers, (weight, bias)]):
        return _forward(x, layers, weight, bias, keep=False)[1]
    inner_relu = [layer.inner_relu for layer in layers]
    flat = [tensor for layer in layers for tensor in layer[:4]]
    output: Tensor = BufferedRDB.apply(x, weight, bias, inner_relu, *flat)
    return output


def _requires_grad(x: Tensor, layers: Sequence[Sequence[Any]]) -> bool:
    weights = [each for layer in layers for each in layer if isinstance(each, Tensor)]
    return torch.is_grad_enabled() and any(each.requires_grad for each in (x, *weights))


class BufferedRDB(torch.autograd.Function):
    """`buffered_rdb` with gradients; the layers' weights are passed one by one, as autograd needs them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, inner_relu: Sequence[bool], *flat: Tensor) -> Tensor:
        ctx.inner_relu = inner_relu
        buffer, output = _forward(x, _unflatten(flat, inner_relu), weight, bias, keep=True)
        ctx.save_for_backward(buffer, weight, bias, *flat)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast("cpu", enabled=False):  # types are those of the forward pass
            buffer, weight, *parameters = ctx.saved_tensors
            grad = grad.to(buffer.dtype).permute(0, 2, 3, 1).contiguous()
            layers = [_cast(layer, buffer.dtype) for layer in _unflatten(parameters[1:], ctx.inner_relu)]
            fusion = weight.flatten(1).to(buffer.dtype)
            grad_x = torch.empty_like(grad)
            sums = [torch.zeros_like(each) for each in (weight, *parameters)]
            for part in _split_batch(buffer, buffer.shape[-1] * buffer.element_size()):
                flat = grad[part].flatten(0, 2)
                sums[0].add_((flat.T @ buffer[part].flatten(0, 2)).view_as(weight))
                sums[1].add_(flat.sum(0, dtype=sums[1].dtype))
                grads = grad[part] @ fusion  # of all features; each layer adds to those of the features that it reads
                for c in reversed(range(len(layers))):
                    _add_layer_gradients(layers[c], buffer[part], grads, sums[2 + 4 * c : 6 + 4 * c])
                torch.add(grads[..., : grad.shape[-1]], grad[part], out=grad_x[part])
            return grad_x.permute(0, 3, 1, 2), sums[0], sums[1], None, *sums[2:]


def _unflatten(flat: Sequence[Tensor], inner_relu: Sequence[bool]) -> list[Separable]:
    return [Separable._make((*flat[4 * c : 4 * c + 4], each, RELU)) for c, each in enumerate(inner_relu)]


def _add_layer_gradients(layer: Separable, buffer: Tensor, grads: Tensor, sums: Sequence[Tensor]) -> None:
    """Add the gradients of a layer: to those of the channels it reads, and to the sums of its four parameters.

    `buffer` and `grads` are features and their gradients, `Tensor[B, H, W, T]`; those of this layer are complete.
    """
    inputs = len(layer.depthwise)
    own = slice(inputs, inputs + len(layer.pointwise))
    grad, total = ops.relu_backward(grads[..., own], buffer[..., own], sums[3].dtype)
    x = buffer[..., :inputs]
    features = ops.depthwise_conv(x, *layer[:2], rows=slice(0, x.shape[1]), relu=layer.inner_relu)
    pointwise = layer.pointwise.flatten(1)
    sums[2].add_((grad.T @ features.view(-1, inputs)).view_as(layer.pointwise))
    sums[3].add_(total)
    grad = (grad @ pointwise).view_as(features)
    if layer.inner_relu:
        grad = torch.ops.aten.threshold_backward(grad, features, 0)
        sums[1].add_(grad.flatten(0, 2).sum(0, dtype=sums[1].dtype))
    else:  # the sum over pixels passes through a linear map
        sums[1].add_(total @ pointwise.to(total.dtype))
    ops.add_depthwise_gradients(grads[..., :inputs], sums[0], x, grad, layer.depthwise)


def _forward(
    x: Tensor, layers: Sequence[Separable], weight: Tensor, bias: Tensor, *, keep: bool
) -> tuple[Tensor | None, Tensor]:
    """All features, `Tensor[B, H, W, T]`, if `keep`, and the output, `Tensor[B, G0, H, W]`."""
    dtype = compute_dtype(x)
    layers = [_cast(layer, dtype) for layer in layers]
    fusion = weight.flatten(1).to(dtype), bias.to(dtype)
    x = x.permute(0, 2, 3, 1)
    output = torch.empty_like(x, dtype=dtype, memory_format=torch.contiguous_format)
    buffer = torch.empty(*x.shape[:3], weight.shape[1], dtype=dtype) if keep else None
    for part in _split_batch(x, weight.shape[1] * output.element_size()):
        _compute_strips(x[part], layers, fusion, output[part], buffer[part] if buffer is not None else None)
    return buffer, output.permute(0, 3, 1, 2)


def _compute_strips(
    x: Tensor, layers: Sequence[Separable], fusion: tuple[Tensor, Tensor], output: Tensor, buffer: Tensor | None
) -> None:
    """Compute the output of a few images strip by strip, and their features into `buffer`.

    Without a buffer, features lie in a window that moves down the images: memory beyond the cache is only read for the
    input and written for the output.
    """
    batch, height, width, inputs = x.shape
    halos = [layer.depthwise.shape[-1] // 2 for layer in layers]
    channels = fusion[0].shape[1]
    ends = list(accumulate((len(layer.pointwise) for layer in layers), initial=inputs))
    rows = max(1, STRIP_BYTES // (batch * width * channels * output.element_size()))
    if buffer is None:
        window = min(height, rows + sum(halos) + max(halos))
        buffer = torch.empty(batch, window, width, channels, dtype=output.dtype)
    top = fused = 0  # the image rows that the buffer begins with, and that are done
    for band in schedule_strips(height, rows, halos):
        needed = max(0, fused - max(halos))
        if band[0][1].stop - top > buffer.shape[1]:  # move the window down to the first row that is still read
            kept = buffer[:, needed - top :].clone()
            buffer[:, : kept.shape[1]] = kept
            top = needed
        for stage, strip in band:
            here = slice(strip.start - top, strip.stop - top)
            if stage == 0:
                buffer[:, here, :, :inputs] = x[:, strip]
            elif stage <= len(layers):
                own = slice(*ends[stage - 1 : stage + 1])
                layer = layers[stage - 1]
                read = buffer[:, : height - top, :, : own.start]
                features = ops.depthwise_conv(read, *layer[:2], rows=here, relu=layer.inner_relu)
                result = F.linear(features, layer.pointwise.flatten(1), layer.pointwise_bias)
                torch.clamp_min(result, 0, out=buffer[:, here, :, own])
            else:
                torch.add(F.linear(buffer[:, here], *fusion), buffer[:, here, :, :inputs], out=output[:, strip])
                fused = strip.stop


def schedule_strips(height: int, rows: int, halos: Sequence[int]) -> Iterator[list[tuple[int, slice]]]:
    """The order in which strips of rows are computed: bands of (stage, rows).

    Stage 0 is the input, stages 1 … C the layers, C + 1 the fusion. Each layer follows the one before at the distance
    of the rows that it reads, so that they are there.
    """
    lags = [0, *accumulate(halos), sum(halos)]
    done = [0] * len(lags)
    for end in range(rows, height + rows, rows):
        band = []
        for stage, lag in enumerate(lags):
            stop = height if end >= height else max(0, end - lag)
            if stop > done[stage]:
                band.append((stage, slice(done[stage], stop)))
                done[stage] = stop
        yield band


def _split_batch(images: Tensor, pixel_bytes: int) -> list[slice]:
    """Parts of a batch, `Tensor[B, H, W, …]`: as many images as stay in the cache, of `pixel_bytes` per pixel."""
    number = max(1, STRIP_BYTES // (images.shape[1] * images.shape[2] * pixel_bytes))
    return [slice(start, start + number) for start in range(0, len(images), number)]


def _cast(layer: Separable, dtype: torch.dtype) -> Separable:
    return Separable._make((*(each.to(dtype) for each in layer[:4]), *layer[4:]))
