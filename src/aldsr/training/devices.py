"""Which devices a run uses and in which precision, settled before anything starts."""

import os
from dataclasses import dataclass

import torch

from aldsr.core.errors import UserError


class DeviceError(UserError, ValueError):
    """Devices that this machine does not have."""


@dataclass(frozen=True)
class Devices:
    """Lightning's `accelerator`, `devices` and `precision`; the last stays "auto" where it is to be measured."""

    accelerator: str
    devices: int
    precision: str


def resolve_devices(*, accelerator: str, devices: int | str, precision: str, strategy: str) -> Devices:
    """Turn "auto" into what is there.

    accelerator "auto" is the GPU if there is one. devices "auto" is one; with a DDP strategy, all GPUs, or
    two processes on a CPU. precision "auto" is the only one that `precisions` offers, if it is one.

    Raises:
        DeviceError: if more devices are asked for than there are.
    """
    gpus = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "gpu" if gpus else "cpu"
    on_gpu = accelerator in ("gpu", "cuda")
    if devices in ("auto", -1, "-1"):
        distributed = strategy.startswith("ddp")
        devices = (max(gpus, 1) if on_gpu else 2) if distributed else 1
    if not str(devices).isdigit() or int(devices) < 1:
        raise DeviceError(f"trainer.devices={devices}: expected a number of devices from 1 up, or auto")
    if on_gpu and int(devices) > gpus:
        instead = f"trainer.devices={gpus}" if gpus else "trainer=cpu"
        raise DeviceError(f"trainer.devices={devices}: this machine has {gpus} usable NVIDIA GPUs; use {instead}")
    if precision == "auto" and len(offered := supported_precisions(accelerator)) == 1:
        precision = offered[0]
    return Devices(accelerator, int(devices), precision)


def visible_gpus() -> list[str]:
    """The NVIDIA GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",") if named else map(str, range(torch.cuda.device_count()))
    return [name.strip() for name in names][: torch.cuda.device_count()]


def supported_precisions(accelerator: str) -> tuple[str, ...]:
    """Lightning's names of the precisions worth trying for training on "cpu", "gpu" or "cuda".

    bf16 where the device computes in it natively: NVIDIA from Ampere on, and CPUs with AVX512-BF16 or
    AMX. Elsewhere it is emulated. ValidationModule is always done in fp32.
    """
    if accelerator in ("gpu", "cuda"):
        native = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    else:
        # Private names of torch, absent from some releases, where fp32 is taken then.
        probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        native = accelerator == "cpu" and any(getattr(torch.cpu, probe, bool)() for probe in probes)
    return ("32-true", "bf16-mixed") if native else ("32-true",)
