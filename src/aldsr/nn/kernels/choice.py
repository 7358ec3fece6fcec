"""Which kernels compute RDBs on an NVIDIA GPU: torch's own, or those in Triton. One choice for the whole process."""

from importlib import import_module
from types import ModuleType

import torch

from aldsr.core.errors import OptionError

KERNELS = ("torch", "triton")  # what `use_kernels` takes
chosen: ModuleType | None = None  # None: torch's own


def use_kernels(name: str) -> None:
    """Compute every RDB with these kernels from now on where they can: on a GPU, for blocks that they support.

    Raises OptionError if there is no such choice here.
    """
    global chosen
    if name not in KERNELS:
        raise OptionError(f"kernels={name}: expected {' or '.join(KERNELS)}")
    chosen = _load_triton() if name == "triton" else None


def _load_triton() -> ModuleType:
    """Raises OptionError without a GPU for Triton, or without Triton."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        raise OptionError("kernels=triton: there is no NVIDIA GPU of the Ampere generation or newer; use kernels=torch")
    try:
        return import_module("aldsr.nn.kernels.triton")
    except ImportError as error:
        raise OptionError(
            f"kernels=triton: Triton cannot be imported ({error}); install the package triton that this version of "
            "torch needs, or use kernels=torch"
        ) from error
