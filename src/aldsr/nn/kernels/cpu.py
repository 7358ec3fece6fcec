"""The compiled kernels of `cpu.c`, for float32 and bf16, 3×3 filters and multiples of 32 channels.

They are compiled when first needed (a third of a second, kept in `$TORCH_EXTENSIONS_DIR`, by default
~/.cache/torch_extensions) by the C compiler `$CC`, by default cc. See `ops` for shapes; call these functions only
where `supports` or `is_available` says so.
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

SOURCE = Path(__file__).with_name("cpu.c")
FLAGS = {torch.float32: [], torch.bfloat16: ["-DBF16"]}  # of the compiler, by type
CHANNELS = 32  # the kernels take multiples of this


def is_available(dtype: torch.dtype) -> bool:
    """Whether the kernels can be compiled for a type."""
    return dtype in FLAGS and load_library(dtype) is not None


def supports(dtype: torch.dtype, weights: Iterable[Tensor]) -> bool:
    """Whether the kernels compute depthwise convolutions with these weights, `Tensor[K, 1, k, k]` each."""
    return is_available(dtype) and all(each.shape[-1] == 3 and len(each) % CHANNELS == 0 for each in weights)


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, *, rows: slice, relu: bool) -> Tensor:
    """See `ops.depthwise_conv`."""
    batch, height, width, channels = x.shape
    result = x.new_empty(batch, rows.stop - rows.start, width, channels)
    taps, offset = _taps(weight), bias.float().contiguous()
    sizes = (torch.get_num_threads(), batch, height, rows.start, rows.stop - rows.start, width, channels, relu)
    pointers = (*_image(x), _pointer(taps), _pointer(offset), *_image(result))
    load_library(x.dtype).convolve(*pointers, *map(ctypes.c_long, sizes))  # type: ignore[union-attr]
    return result


def add_depthwise_gradients(grad_x: Tensor, grad_weight: Tensor, x: Tensor, grad: Tensor, weight: Tensor) -> None:
    """See `ops.add_depthwise_gradients`."""
    sums, taps = torch.zeros(torch.get_num_threads(), 9, x.shape[-1]), _taps(weight.flip(-2, -1))
    pointers = (*_image(x), _pointer(grad), _pointer(taps), *_image(grad_x), _pointer(sums))
    load_library(x.dtype).gradients(*pointers, *map(ctypes.c_long, (len(sums), *x.shape)))  # type: ignore[union-attr]
    grad_weight += sums.sum(0).T.reshape(grad_weight.shape)


def relu_backward(grad: Tensor, result: Tensor) -> tuple[Tensor, Tensor]:
    """See `ops.relu_backward`; the sum is float32."""
    channels = grad.shape[-1]
    before, sums = grad.new_empty(grad.shape[:-1].numel(), channels), torch.zeros(torch.get_num_threads(), channels)
    pointers = (*_image(grad), *_image(result), _pointer(before), _pointer(sums))
    sizes = map(ctypes.c_long, (len(sums), *grad.shape))
    load_library(grad.dtype).relu_gradient(*pointers, *sizes)  # type: ignore[union-attr]
    return before, sums.sum(0)


def _taps(weight: Tensor) -> Tensor:
    """Weights as the kernels read them: `Tensor[9, K]`."""
    return weight.flatten(1).T.to(torch.float32, memory_format=torch.contiguous_format, copy=True)


def _image(x: Tensor) -> list[ctypes.c_void_p | ctypes.c_long]:
    """A pointer to images, and their strides."""
    return [_pointer(x), *map(ctypes.c_long, x.stride()[:3])]


def _pointer(x: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(x.data_ptr())


@cache
def load_library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled kernels for a type; None where they cannot be compiled or loaded."""
    command = [*shlex.split(os.environ.get("CC", "cc")), "-O3", "-march=native", "-fPIC", *FLAGS[dtype]]
    try:
        # The functions of OpenMP are those that torch has loaded, so that there is one pool of threads. RTLD_NOW:
        # where torch has none, loading fails here instead of in the middle of a step.
        return ctypes.CDLL(str(compile_library(command)), mode=os.RTLD_NOW)
    except (OSError, RuntimeError, subprocess.SubprocessError):  # RuntimeError: a user without a home
        return None


def compile_library(command: Sequence[str]) -> Path:
    """The shared library for a compiler's command; compiled unless the cache has it for this source and processor."""
    recipe = repr((SOURCE.read_text(), command, processor())).encode()
    folder = Path(os.environ.get("TORCH_EXTENSIONS_DIR") or "~/.cache/torch_extensions").expanduser() / "aldsr"
    library = folder / f"depthwise-{hashlib.blake2b(recipe, digest_size=8).hexdigest()}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        compiled, linked = (library.with_suffix(f".{uuid4().hex}.{kind}") for kind in ("o", "part"))
        steps = (["-fopenmp", "-c", str(SOURCE), "-o", str(compiled)], ["-shared", str(compiled), "-o", str(linked)])
        try:
            for options in steps:
                subprocess.run([*command, *options], check=True, capture_output=True)
            linked.replace(library)  # in one step, as other processes may compile it too
        finally:
            compiled.unlink(missing_ok=True)
            linked.unlink(missing_ok=True)
    return library


def processor() -> str:
    """What -march=native depends on, for a cache that several machines share."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return torch.backends.cpu.get_cpu_capability()
    lines = dict.fromkeys(cpuinfo.read_text().splitlines())
    return "".join(line for line in lines if line.startswith(("flags", "Features", "model name")))
