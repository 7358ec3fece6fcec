"""Which kernels compute RDBs on an NVIDIA GPU: torch's own, or those in Triton. One choice for the whole process."""

import warnings
from importlib import import_module
from types import ModuleType

import torch
from torch import nn

from aldsr.core.errors import OptionError
from aldsr.nn.layers import Layer, Separable, is_collapsible, kernel_size_of

KERNELS = ("torch", "triton")  # what `use_kernels` takes
chosen: ModuleType | None = None  # None: torch's own


def use_kernels(name: str, *, network: nn.Module | None = None, on_gpu: bool = True, option: str = "kernels=") -> None:
    """Compute every RDB with one of `KERNELS` from now on where they can: on a GPU, for blocks that they support.

    `on_gpu`: whether `network` will run on an NVIDIA GPU; `option`: what the user typed before the name.
    Raises OptionError if the choice would have no effect, or cannot be met here.
    """
    global chosen
    if name not in KERNELS:
        raise OptionError(f"{option}{name}: expected {' or '.join(KERNELS)}")
    wanted = _load_triton(on_gpu, option) if name == "triton" else None
    if wanted and network is not None:
        checks = (getattr(each, "suits_kernels", None) for each in network.modules())
        if not any(check() for check in checks if callable(check)):
            need = "which they need; leave it out"
            raise OptionError(f"{option}triton: the network has no RDB of 3x3 blocks with ReLU, {need}")
    chosen = wanted


def _load_triton(on_gpu: bool, option: str) -> ModuleType:
    if not on_gpu or not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        where = "expected an NVIDIA GPU of the Ampere generation or newer"
        raise OptionError(f"{option}triton: {where}, and this would not run on one; leave it out")
    try:
        return import_module("aldsr.nn.kernels.triton")
    except ImportError as error:
        raise OptionError(
            f"{option}triton: Triton cannot be imported ({error}); install the version of the package triton that "
            "this torch needs, or leave it out"
        ) from error


def warn_of_torch(reason: str) -> None:
    """Tell the user, once for each reason, that an RDB is computed by torch although Triton was chosen."""
    if not torch.compiler.is_compiling():
        warnings.warn(f"kernels=triton: torch's own kernels compute an RDB, because {reason}", stacklevel=2)


def triton_computes(layer: Layer) -> bool:
    """Whether the kernels in Triton compute a layer: 3×3, with ReLU, and dense, collapsible or depthwise first."""
    kind = is_collapsible(layer) or isinstance(layer, Separable)
    return kind and kernel_size_of(layer) == 3 and type(layer.activation) is nn.ReLU
