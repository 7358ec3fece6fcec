"""A residual dense block without copies: every feature is written once, to its place in one buffer.

RDB as usually written concatenates all earlier features before each of its C layers, which copies O(C²) of
them and keeps every copy for the backward pass. Here the features lie side by side in one channels-last
buffer; layer c reads its first G0 + c·G channels and writes the next G. The only thing kept for the
backward pass is that buffer: what a depthwise convolution made of it is computed again (cf. Pleiss et al.,
Memory-Efficient Implementation of DenseNets, 2017).

On a CPU a layer's tensors must stay in the cache: out of it a depthwise convolution runs at a tenth of its
speed. So images are worked on in strips of rows of about `STRIP` bytes, in which all layers follow one
another, each `halo` rows behind the one before, whose rows it looks at.

B images, H×W pixels, K channels in and G out of a layer, T = G0 + C·G channels in all.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from aldsr.nn.kernels import cpu as depthwise
from aldsr.nn.layers import Separable, offers_layer

STRIP = 11 * 2**19  # bytes of the buffer that are worked on at a time: two patches of 48x48 at the paper's size


def plain_tensor(x: Tensor) -> bool:
    """Whether x is computed with now: no tensor without values, no graph that is recorded for later."""
    return type(x) in (Tensor, nn.Parameter) and not torch.compiler.is_compiling() and not torch.jit.is_tracing()


def layers_of(blocks: Sequence[nn.Module], x: Tensor, *, others: Sequence[nn.Module] = ()) -> list[Separable] | None:
    """The layers of an RDB's blocks if it is computed here: on a CPU, of depthwise blocks (`layer()`).

    None otherwise, and with hooks on a block or one of `others`, which would not be called. With gradients also
    where there are no compiled kernels: then torch's own way is faster.
    """
    if not x.is_cpu or not plain_tensor(x):
        return None
    parts = (module for each in (*blocks, *others) for module in each.modules())
    if not all(offers_layer(each) for each in blocks) or any(_hooked(module) for module in parts):
        return None
    layers = [each.layer() for each in blocks]  # type: ignore[operator]
    if not all(isinstance(layer, Separable) for layer in layers):
        return None
    compiled = depthwise.fits(_dtype(x), [layer.depthwise for layer in layers])
    return layers if compiled or not _wants_gradient(x, layers) else None


def _hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def rdb(x: Tensor, layers: Sequence[Separable], weight: Tensor, bias: Tensor) -> Tensor:
    """Densely connected layers, local feature fusion (LFF), local residual. `Tensor[B, G0, H, W]` → the same.

    Args:
        x: the block's input.
        layers: layer c takes G0 + c·G channels to G.
        weight, bias: of LFF, `Tensor[G0, T, 1, 1]` and `Tensor[G0]`.
    """
    if not _wants_gradient(x, [*layers, (weight, bias)]):
        return _forward(x, layers, weight, bias, keep=False)[1]
    hasty = [layer.hasty for layer in layers]
    flat = [tensor for layer in layers for tensor in layer[:4]]
    output: Tensor = _RDB.apply(x, weight, bias, hasty, *flat)
    return output


def _wants_gradient(x: Tensor, layers: Sequence[Sequence[Any]]) -> bool:
    weights = [each for layer in layers for each in layer if isinstance(each, Tensor)]
    return torch.is_grad_enabled() and any(each.requires_grad for each in (x, *weights))


class _RDB(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, hasty: Sequence[bool], *flat: Tensor) -> Tensor:
        ctx.hasty = hasty
        buffer, output = _forward(x, _separable(flat, hasty), weight, bias, keep=True)
        ctx.save_for_backward(buffer, weight, bias, *flat)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast("cpu", enabled=False):  # every type was settled by the forward pass
            return _backward(ctx, grad)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    buffer, weight, *parameters = ctx.saved_tensors
    grad = grad.to(buffer.dtype).permute(0, 2, 3, 1).contiguous()
    layers = [_cast(layer, buffer.dtype) for layer in _separable(parameters[1:], ctx.hasty)]
    fusion = weight.flatten(1).to(buffer.dtype)
    grad_x = torch.empty_like(grad)
    sums = [torch.zeros_like(each) for each in (weight, *parameters)]
    for part in _parts(buffer, buffer.shape[-1] * buffer.element_size()):
        grads = _add_fusion(fusion, buffer[part], grad[part], sums)
        for c in reversed(range(len(layers))):
            _add_layer(layers[c], buffer[part], grads, sums[2 + 4 * c : 6 + 4 * c])
        torch.add(grads[..., : grad.shape[-1]], grad[part], out=grad_x[part])
    return grad_x.permute(0, 3, 1, 2), sums[0], sums[1], None, *sums[2:]


def _add_fusion(fusion: Tensor, buffer: Tensor, grad: Tensor, sums: Sequence[Tensor]) -> Tensor:
    """Add the gradients of LFF's weight and bias to the first two sums; those of the features are returned."""
    flat = grad.flatten(0, 2)
    sums[0].add_((flat.T @ buffer.flatten(0, 2)).view_as(sums[0]))
    sums[1].add_(flat.sum(0, dtype=sums[1].dtype))
    return grad @ fusion


def _add_layer(layer: Separable, buffer: Tensor, grads: Tensor, sums: Sequence[Tensor]) -> None:
    """Add a layer's gradients: to those of the channels it reads, and to the sums of its four parameters'.

    Args:
        buffer, grads: features and their gradients, `Tensor[B, H, W, T]`; those of this layer are complete.
    """
    growth, inputs = layer.growth, len(layer.depthwise)
    own = slice(inputs, inputs + growth)
    grad, total = depthwise.relu_gradient(grads[..., own], buffer[..., own], sums[3].dtype)
    x = buffer[..., :inputs]
    features = layer.features(x, slice(0, x.shape[1]))
    pointwise = layer.pointwise.flatten(1)
    sums[2].add_((grad.T @ features.view(-1, inputs)).view_as(layer.pointwise))
    sums[3].add_(total)
    grad = (grad @ pointwise).view_as(features)
    if layer.hasty:
        grad = torch.ops.aten.threshold_backward(grad, features, 0)
        sums[1].add_(grad.flatten(0, 2).sum(0, dtype=sums[1].dtype))
    else:  # the sum over pixels goes through a linear map
        sums[1].add_(total @ pointwise.to(total.dtype))
    depthwise.add_gradients(grads[..., :inputs], sums[0], x, grad, layer.depthwise)


def _forward(
    x: Tensor, layers: Sequence[Separable], weight: Tensor, bias: Tensor, *, keep: bool
) -> tuple[Tensor | None, Tensor]:
    """All features, `Tensor[B, H, W, T]`, if they are to be kept, and the output, `Tensor[B, G0, H, W]`."""
    dtype = _dtype(x)
    layers = [_cast(layer, dtype) for layer in layers]
    fusion = weight.flatten(1).to(dtype), bias.to(dtype)
    x = x.permute(0, 2, 3, 1)
    output = torch.empty_like(x, dtype=dtype, memory_format=torch.contiguous_format)
    buffer = torch.empty(*x.shape[:3], weight.shape[1], dtype=dtype) if keep else None
    for part in _parts(x, weight.shape[1] * output.element_size()):
        _Strips(x[part], layers, fusion, output[part], buffer[part] if buffer is not None else None).run()
    return buffer, output.permute(0, 3, 1, 2)


class _Strips:
    """Computes a few images strip by strip.

    Where features are not kept, the buffer is a window that moves down the picture: memory beyond the cache
    is only read for the input and written for the output.
    """

    def __init__(
        self,
        x: Tensor,
        layers: Sequence[Separable],
        fusion: tuple[Tensor, Tensor],
        output: Tensor,
        buffer: Tensor | None,
    ) -> None:
        self.x, self.layers, self.fusion, self.output = x, layers, fusion, output
        batch, self.height, width, inputs = x.shape
        self.halos = [layer.halo for layer in layers]
        channels = fusion[0].shape[1]
        self.rows = max(1, STRIP // (batch * width * channels * output.element_size()))
        self.ends = [inputs, *accumulate((layer.growth for layer in layers), initial=inputs)][1:]
        if buffer is None:
            window = min(self.height, self.rows + sum(self.halos) + max(self.halos))
            buffer = torch.empty(batch, window, width, channels, dtype=output.dtype)
        self.buffer = buffer
        self.top = 0  # the picture's row that the buffer's first row holds

    def run(self) -> None:
        fused = 0
        for band in strips(self.height, self.rows, self.halos):
            self._move_to(max(0, fused - max(self.halos)), band[0][1].stop)
            for place, strip in band:
                self._compute(place, strip)
            fused = band[-1][1].stop if band[-1][0] == len(self.layers) + 1 else fused

    def _move_to(self, top: int, stop: int) -> None:
        """Make room for rows up to `stop`; rows above `top` are no longer needed."""
        if stop - self.top > self.buffer.shape[1]:
            kept = self.buffer[:, top - self.top :].clone()
            self.buffer[:, : kept.shape[1]] = kept
            self.top = top

    def _compute(self, place: int, strip: slice) -> None:
        here = slice(strip.start - self.top, strip.stop - self.top)
        if place == 0:
            self.buffer[:, here, :, : self.ends[0]] = self.x[:, strip]
        elif place <= len(self.layers):
            layer, own = self.layers[place - 1], slice(*self.ends[place - 1 : place + 1])
            bottom = min(self.height - self.top, self.buffer.shape[1])
            seen = self.buffer[:, :bottom, :, : own.start]
            torch.clamp_min(layer.rows(seen, here), 0, out=self.buffer[:, here, :, own])
        else:
            fused = F.linear(self.buffer[:, here], *self.fusion)
            torch.add(fused, self.buffer[:, here, :, : self.ends[0]], out=self.output[:, strip])


def strips(height: int, rows: int, halos: Sequence[int]) -> Iterator[list[tuple[int, slice]]]:
    """The order in which strips of rows are computed: bands of places and their rows.

    Place 0 is the input, places 1 … C the layers, C + 1 the fusion. Each layer follows the one before at the
    distance of the rows that it looks at: what it reads is there.
    """
    lags = [0, *accumulate(halos), sum(halos)]
    done = [0] * len(lags)
    for end in range(rows, height + rows, rows):
        band = []
        for place, lag in enumerate(lags):
            stop = height if end >= height else max(0, end - lag)
            if stop > done[place]:
                band.append((place, slice(done[place], stop)))
                done[place] = stop
        yield band


def _parts(images: Tensor, pixel: int) -> list[slice]:
    """The images, `Tensor[B, H, W, …]`, that are worked on at a time: as many as stay in the cache.

    Args:
        pixel: bytes of a pixel's features.
    """
    number = max(1, STRIP // (images.shape[1] * images.shape[2] * pixel))
    return [slice(start, start + number) for start in range(0, len(images), number)]


def _separable(flat: Sequence[Tensor], hasty: Sequence[bool]) -> list[Separable]:
    return [Separable._make((*flat[4 * c : 4 * c + 4], each)) for c, each in enumerate(hasty)]


def _cast(layer: Separable, dtype: torch.dtype) -> Separable:
    return Separable._make((*(each.to(dtype) for each in layer[:4]), layer.hasty))


def _dtype(x: Tensor) -> torch.dtype:
    """What is computed in: autocast's type if it is on."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
