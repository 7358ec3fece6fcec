"""Depthwise convolution of channels that lie among others in a channels-last buffer, forward and backward.

torch's (oneDNN's) copies such an input first and cannot add to such an output. `depthwise.c` does both in
place; it is compiled when first needed (a third of a second, kept in `$TORCH_EXTENSIONS_DIR`, by default
~/.cache/torch_extensions) by the C compiler `$CC`, by default cc. Without one, or for other types and kernel
sizes than its own, torch's functions are used.

B pictures of H×W pixels, K channels, kernels k×k.
"""

import ctypes
import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from uuid import uuid4

import torch
from torch import Tensor
from torch.nn import functional as F

SOURCE = Path(__file__).with_name("cpu.c")
OPTIONS = {torch.float32: [], torch.bfloat16: ["-DBF16"]}
CHANNELS = 32  # of which the compiled kernels take multiples


def compiled(dtype: torch.dtype) -> bool:
    """Whether the compiled kernels are there for a type."""
    return dtype in OPTIONS and _library(dtype) is not None


def fits(dtype: torch.dtype, weights: Iterable[Tensor]) -> bool:
    """Whether the compiled kernels serve depthwise convolutions of these weights, `Tensor[K, 1, k, k]` each."""
    return compiled(dtype) and all(each.shape[-1] == 3 and len(each) % CHANNELS == 0 for each in weights)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, *, rows: slice, relu: bool = False) -> Tensor:
    """Convolve some of a picture's rows, zero beyond its edges; then ReLU, if wanted.

    Args:
        x: `Tensor[B, H, W, K]`, any strides between pixels.
        weight, bias: `Tensor[K, 1, k, k]` and `Tensor[K]` of x's type.
        rows: which of the H rows.

    Returns:
        `Tensor[B, rows, W, K]`, contiguous.
    """
    if not fits(x.dtype, [weight]):
        halo = weight.shape[-1] // 2
        seen = with_halo(x, rows, halo).permute(0, 3, 1, 2)
        result = F.conv2d(seen, weight, bias, padding=(0, halo), groups=len(weight)).permute(0, 2, 3, 1)
        return F.relu(result, inplace=True) if relu else result
    batch, _, width, channels = x.shape
    result, library = x.new_empty(batch, rows.stop - rows.start, width, channels), _library(x.dtype)
    assert library is not None
    taps, offset = _taps(weight), bias.float().contiguous()
    sizes = (torch.get_num_threads(), *x.shape[:2], rows.start, rows.stop - rows.start, width, channels, relu)
    library.convolve(*_picture(x), _place(taps), _place(offset), *_picture(result), *map(_long, sizes))
    return result


def add_gradients(total: Tensor, sums: Tensor, x: Tensor, grad: Tensor, weight: Tensor) -> None:
    """Add the gradients of a convolution: to `total` that of its input, to `sums` that of its weights.

    Args:
        total, x: `Tensor[B, H, W, K]`, any strides between pixels.
        sums, weight: `Tensor[K, 1, k, k]`.
        grad: that of the result, `Tensor[B, H, W, K]`, contiguous.
    """
    if fits(grad.dtype, [weight]):
        shares, library = torch.zeros(torch.get_num_threads(), 9, x.shape[-1]), _library(x.dtype)
        assert library is not None
        taps = _taps(weight.flip(-2, -1))
        places = (*_picture(x), _place(grad), _place(taps), *_picture(total))
        library.gradients(*places, _place(shares), *map(_long, (len(shares), *x.shape)))
        sums += shares.sum(0).T.reshape(sums.shape)
        return
    halo = weight.shape[-1] // 2
    options = ([1, 1], [halo, halo], [1, 1], False, [0, 0], len(weight), [True, True, False])
    x, grad = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last), grad.permute(0, 3, 1, 2)
    by_input, by_weight, _ = torch.ops.aten.convolution_backward(grad, x, weight, None, *options)
    total += by_input.permute(0, 2, 3, 1)
    sums += by_weight


def relu_gradient(grad: Tensor, result: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The gradient before a ReLU, `Tensor[B · H · W, K]`, and its sum over all pixels, `Tensor[K]` of type `dtype`.

    Args:
        grad, result: that after the ReLU, and the ReLU's result: `Tensor[B, H, W, K]`, any strides between pixels.
    """
    channels = grad.shape[-1]
    before = grad.new_empty(grad.shape[:-1].numel(), channels)
    if compiled(grad.dtype) and channels % CHANNELS == 0:
        shares, library = torch.zeros(torch.get_num_threads(), channels), _library(grad.dtype)
        assert library is not None
        places = (*_picture(grad), *_picture(result), _place(before), _place(shares))
        library.relu_gradient(*places, *map(_long, (len(shares), *grad.shape)))
        return before, shares.sum(0).to(dtype)
    torch.mul(grad, ~(result <= 0), out=before.view_as(grad))
    return before, before.sum(0, dtype=dtype)


def with_halo(x: Tensor, rows: slice, halo: int) -> Tensor:
    """Some rows and `halo` rows above and below, zero beyond the picture. `Tensor[B, h, W, K]`, contiguous."""
    top, bottom = max(0, rows.start - halo), min(x.shape[1], rows.stop + halo)
    beyond = halo - (rows.start - top), halo - (bottom - rows.stop)
    seen = x[:, top:bottom]
    return F.pad(seen, (0, 0, 0, 0, *beyond)) if any(beyond) else seen.contiguous()


def _taps(weight: Tensor) -> Tensor:
    """Weights as the kernels read them: `Tensor[9, K]`."""
    return weight.flatten(1).T.to(torch.float32, memory_format=torch.contiguous_format, copy=True)


def _picture(x: Tensor) -> list[ctypes.c_void_p | ctypes.c_long]:
    return [_place(x), *map(_long, x.stride()[:3])]


def _place(x: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if x is None else x.data_ptr())


_long = ctypes.c_long


@cache
def _library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled kernels; None where they cannot be had."""
    command = [*shlex.split(os.environ.get("CC", "cc")), "-O3", "-march=native", "-fPIC", *OPTIONS[dtype]]
    try:
        # OpenMP's functions are those that torch has loaded, so that there is one pool of threads. RTLD_NOW:
        # where torch has none, loading fails here instead of in the middle of a step.
        return ctypes.CDLL(str(_built(command)), mode=os.RTLD_NOW)
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: a user without a home
        return None


def _built(command: Sequence[str]) -> Path:
    """The shared library, compiled unless it is there: one for each source, compiler and processor."""
    recipe = repr((SOURCE.read_text(), command, _processor())).encode()
    folder = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or "~/.cache/torch_extensions").expanduser() / "aldsr"
    library = folder / f"depthwise-{hashlib.blake2b(recipe, digest_size=8).hexdigest()}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        parts = [library.with_suffix(f".{uuid4().hex}.{kind}") for kind in ("o", "part")]
        try:
            compile_it = [*command, "-fopenmp", "-c", str(SOURCE), "-o", str(parts[0])]
            link_it = [*command, "-shared", str(parts[0]), "-o", str(parts[1])]
            for each in (compile_it, link_it):
                subprocess.run(each, check=True, capture_output=True)
            parts[1].replace(library)  # whole or not there, whoever else compiles it
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
    return library


def _processor() -> str:
    """What -march=native depends on, for a cache that several machines share."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return torch.backends.cpu.get_cpu_capability()
    return "".join(line for line in dict.fromkeys(lines) if line.startswith(("flags", "Features", "model name")))
