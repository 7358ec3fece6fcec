"""The device code of `triton`: convolutions that read channels of a channels-last buffer and write others.

Pixels are counted over the whole batch, N = B · H · W; images have a row of `stride` channels for each pixel. Weights
are 3×3 (9 taps) or 1×1 (one); a tap is the pixel at row `tap // 3 - 1` and column `tap % 3 - 1` from the middle, or
with SIGN = -1, for the gradients of inputs, the opposite one. Sums are float32. Offsets are int64, as the features of
a large image have more than 2³¹ numbers. A ReLU is `where(x <= 0, 0, x)`, which keeps NaN as torch's does.
"""

import triton
import triton.language as tl


@triton.jit
def _neighbours(pixels, N, H, W, tap, TAPS: tl.constexpr, SIGN: tl.constexpr):
    """The pixels at a tap, and whether they are inside their image."""
    if TAPS == 1:
        return pixels, pixels < N
    down, right = SIGN * (tap // 3 - 1), SIGN * (tap % 3 - 1)
    y, x = pixels // W % H + down, pixels % W + right
    return pixels + down * W + right, (pixels < N) & (y >= 0) & (y < H) & (x >= 0) & (x < W)


@triton.jit
def _offsets(pixels, stride, channels):
    return pixels.to(tl.int64)[:, None] * stride + channels[None, :]


@triton.jit
def _load(x, pixels, inside, stride, channels, C):
    """A tile of channels of pixels; zeros for pixels that are not inside, and from channel C on."""
    return tl.load(x + _offsets(pixels, stride, channels), mask=inside[:, None] & (channels < C)[None, :], other=0.0)


@triton.jit
def _depthwise(x, taps, pixels, channels, N, H, W, K, stride, SIGN: tl.constexpr):
    """Nine shifted loads of a tile, each times its tap; `taps` is `[K, 9]`."""
    total = tl.zeros((pixels.shape[0], channels.shape[0]), tl.float32)
    for tap in tl.static_range(9):
        shifted, inside = _neighbours(pixels, N, H, W, tap, 9, SIGN)
        values = _load(x, shifted, inside, stride, channels, K).to(tl.float32)
        total += values * tl.load(taps + channels * 9 + tap, mask=channels < K, other=0.0).to(tl.float32)[None, :]
    return total


@triton.jit
def _store_relu(total, bias, out, pixels, channels, N, G, stride):
    """Add a bias, apply a ReLU and store a tile."""
    total += tl.load(bias + channels, mask=channels < G, other=0.0).to(tl.float32)[None, :]
    total = tl.where(total <= 0, 0.0, total)
    mask = (pixels < N)[:, None] & (channels < G)[None, :]
    tl.store(out + _offsets(pixels, stride, channels), total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def conv(
    x, weight, bias, before, out, N, H, W, K, G, x_stride, out_stride, tap_stride, k_stride, g_stride,
    RELU: tl.constexpr, SIGN: tl.constexpr, PRECISION: tl.constexpr,
    PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """`out` = ReLU(conv3×3(x) + bias) if RELU, else `before` + conv3×3(x), as a product over taps and K channels."""
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    outputs = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    total = tl.zeros((PIXELS, OUTPUTS), tl.float32)
    for step in range(9 * tl.cdiv(K, INPUTS)):
        tap, inputs = step % 9, step // 9 * INPUTS + tl.arange(0, INPUTS)
        shifted, inside = _neighbours(pixels, N, H, W, tap, 9, SIGN)
        values = _load(x, shifted, inside, x_stride, inputs, K)
        where = weight + tap * tap_stride + inputs[:, None] * k_stride + outputs[None, :] * g_stride
        weights = tl.load(where, mask=(inputs < K)[:, None] & (outputs < G)[None, :], other=0.0)
        total = tl.dot(values, weights, total, input_precision=PRECISION)
    if RELU:
        _store_relu(total, bias, out, pixels, outputs, N, G, out_stride)
    else:
        mask, offsets = (pixels < N)[:, None] & (outputs < G)[None, :], _offsets(pixels, out_stride, outputs)
        total += tl.load(before + offsets, mask=mask, other=0.0).to(tl.float32)
        tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def conv_weight(
    x, grad, out, N, H, W, K, G, x_stride, length,
    TAPS: tl.constexpr, PRECISION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """The gradient of weights, `out` `[splits, G, K, TAPS]`: of each split, `length` pixels, a sum of its own."""
    tap = tl.program_id(0) % TAPS
    inputs = tl.program_id(0) // TAPS * INPUTS + tl.arange(0, INPUTS)
    outputs = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    total = tl.zeros((INPUTS, OUTPUTS), tl.float32)
    start = tl.program_id(2) * length
    for first in range(start, tl.minimum(start + length, N), PIXELS):
        pixels = first + tl.arange(0, PIXELS)
        shifted, inside = _neighbours(pixels, N, H, W, tap, TAPS, 1)
        values = _load(x, shifted, inside, x_stride, inputs, K)
        grads = _load(grad, pixels, pixels < N, G, outputs, G)
        total = tl.dot(tl.trans(values), grads, total, input_precision=PRECISION)
    where = out + tl.program_id(2).to(tl.int64) * G * K * TAPS + (outputs[None, :] * K + inputs[:, None]) * TAPS + tap
    tl.store(where, total, mask=(inputs < K)[:, None] & (outputs < G)[None, :])


@triton.jit
def separable(
    x, taps, taps_bias, pointwise, bias, out, N, H, W, K, G, stride,
    PRECISION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """`out` = ReLU(pointwise(ReLU(depthwise(x)))); what lies between the two is not stored."""
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    outputs = tl.program_id(1) * OUTPUTS + tl.arange(0, OUTPUTS)
    total = tl.zeros((PIXELS, OUTPUTS), tl.float32)
    for first in range(0, K, INPUTS):
        inputs = first + tl.arange(0, INPUTS)
        features = _depthwise(x, taps, pixels, inputs, N, H, W, K, stride, 1)
        features += tl.load(taps_bias + inputs, mask=inputs < K, other=0.0).to(tl.float32)[None, :]
        features = tl.where(features <= 0, 0.0, features).to(x.dtype.element_ty)
        mask = (inputs < K)[:, None] & (outputs < G)[None, :]
        weights = tl.load(pointwise + outputs[None, :] * K + inputs[:, None], mask=mask, other=0.0)
        total = tl.dot(features, weights.to(features.dtype), total, input_precision=PRECISION)
    _store_relu(total, bias, out, pixels, outputs, N, G, stride)


@triton.jit
def separable_features(
    x, taps, taps_bias, pointwise, grad, features_out, grads_out, N, H, W, K, G, stride,
    PRECISION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """What `separable` did not store, computed again, and the gradient with respect to it, before its ReLU."""
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inputs = tl.program_id(1) * INPUTS + tl.arange(0, INPUTS)
    features = _depthwise(x, taps, pixels, inputs, N, H, W, K, stride, 1)
    features += tl.load(taps_bias + inputs, mask=inputs < K, other=0.0).to(tl.float32)[None, :]
    total = tl.zeros((PIXELS, INPUTS), tl.float32)
    for first in range(0, G, OUTPUTS):
        outputs = first + tl.arange(0, OUTPUTS)
        grads = _load(grad, pixels, pixels < N, G, outputs, G)
        mask = (outputs < G)[:, None] & (inputs < K)[None, :]
        weights = tl.load(pointwise + outputs[:, None] * K + inputs[None, :], mask=mask, other=0.0)
        total = tl.dot(grads, weights.to(grads.dtype), total, input_precision=PRECISION)
    mask, offsets = (pixels < N)[:, None] & (inputs < K)[None, :], _offsets(pixels, K, inputs)
    element = x.dtype.element_ty
    tl.store(features_out + offsets, tl.where(features <= 0, 0.0, features).to(element), mask=mask)
    tl.store(grads_out + offsets, tl.where(features <= 0, 0.0, total).to(element), mask=mask)


@triton.jit
def depthwise_input(
    grad, taps, before, out, N, H, W, K, G, out_stride,
    PRECISION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """`out` = `before` + the gradient of a depthwise convolution with respect to its input."""
    pixels = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inputs = tl.program_id(1) * INPUTS + tl.arange(0, INPUTS)
    total = _depthwise(grad, taps, pixels, inputs, N, H, W, K, K, -1)
    mask, offsets = (pixels < N)[:, None] & (inputs < K)[None, :], _offsets(pixels, out_stride, inputs)
    total += tl.load(before + offsets, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + offsets, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def depthwise_weight(
    x, grad, out, N, H, W, K, G, stride, length,
    TAPS: tl.constexpr, PRECISION: tl.constexpr, PIXELS: tl.constexpr, INPUTS: tl.constexpr, OUTPUTS: tl.constexpr,
):  # fmt: skip
    """The gradient of depthwise weights, `out` `[splits, K, 9]`; see `conv_weight`."""
    tap = tl.program_id(0) % TAPS
    inputs = tl.program_id(0) // TAPS * INPUTS + tl.arange(0, INPUTS)
    total = tl.zeros((PIXELS, INPUTS), tl.float32)
    start = tl.program_id(2) * length
    for first in range(start, tl.minimum(start + length, N), PIXELS):
        pixels = first + tl.arange(0, PIXELS)
        shifted, inside = _neighbours(pixels, N, H, W, tap, TAPS, 1)
        values = _load(x, shifted, inside, stride, inputs, K).to(tl.float32)
        total += values * _load(grad, pixels, inside, K, inputs, K).to(tl.float32)
    where = out + (tl.program_id(2).to(tl.int64) * K + inputs) * TAPS + tap
    tl.store(where, tl.sum(total, 0), mask=inputs < K)
