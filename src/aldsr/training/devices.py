"""Which devices and which precision a run uses, decided before anything starts."""

import os
from collections.abc import Mapping
from typing import Any

import torch

from aldsr.core.device import PRECISIONS
from aldsr.core.errors import UserError

STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_false", "ddp_find_unused_parameters_true")
# What Lightning's short names of precisions mean.
SHORT_NAMES = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "None": "32-true"}


class DeviceError(UserError, ValueError):
    """Devices that this machine does not have."""


def resolve_devices(*, accelerator: str, devices: int | str, precision: str, strategy: str) -> dict[str, Any]:
    """Replace "auto" by what this machine has, in Lightning's `accelerator`, `devices` and `precision`.

    accelerator "auto" is the GPU if there is one. devices "auto" is one; with a DDP strategy all GPUs, or two
    processes on a CPU. precision "auto" is fp32 if the device supports nothing else; else it has to be measured.
    Lightning's short names are written out.

    Raises DeviceError if there are fewer devices than asked for, or they are asked for in a way that is not offered.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise DeviceError("torchrun: aldsr starts one process per device by itself; use trainer=ddp trainer.devices=N")
    if accelerator not in ("auto", "cpu", "gpu", "cuda"):
        raise DeviceError(f"trainer.accelerator={accelerator}: expected auto, cpu or gpu")
    if strategy not in STRATEGIES:
        raise DeviceError(f"trainer.strategy={strategy}: expected {', '.join(STRATEGIES)}")
    gpus = torch.cuda.device_count()
    if accelerator == "auto":
        accelerator = "gpu" if gpus else "cpu"
    on_gpu = accelerator in ("gpu", "cuda")
    if devices in ("auto", -1, "-1"):
        distributed = strategy.startswith("ddp")
        devices = (max(gpus, 1) if on_gpu else 2) if distributed else 1
    if not str(devices).isdigit() or int(devices) < 1:
        raise DeviceError(
            f"trainer.devices={devices}: expected a number of devices from 1 up, or auto; the environment variable "
            "CUDA_VISIBLE_DEVICES says which GPUs"
        )
    if on_gpu and int(devices) > gpus:
        instead = f"trainer.devices={gpus}" if gpus else "trainer=cpu"
        raise DeviceError(f"trainer.devices={devices}: this machine has {gpus} usable NVIDIA GPUs; use {instead}")
    precision = SHORT_NAMES.get(str(precision), precision)
    if precision not in ("auto", *PRECISIONS) or (precision == "16-mixed" and not on_gpu):
        raise DeviceError(
            f"trainer.precision={precision}: expected auto, 32-true, bf16-mixed or, on a GPU, 16-mixed; the weights "
            "themselves are float32, as in files and results"
        )
    if precision == "auto" and len(supported := supported_precisions(accelerator)) == 1:
        precision = supported[0]
    return {"accelerator": accelerator, "devices": int(devices), "precision": precision}


def visible_gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, by their names in `CUDA_VISIBLE_DEVICES`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else map(str, range(torch.cuda.device_count()))
    return [name.strip() for name in names][: torch.cuda.device_count()]


def supported_precisions(accelerator: str) -> tuple[str, ...]:
    """Return Lightning's names of the precisions worth trying for training on "cpu", "gpu" or "cuda".

    bf16 is one if the device computes in it natively: NVIDIA from Ampere on, CPUs with AVX512-BF16 or AMX.
    """
    if accelerator in ("gpu", "cuda"):
        native = torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0)
    else:
        # Older releases of torch cannot tell: there, bf16 has to be asked for.
        capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        native = accelerator == "cpu" and any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return ("32-true", "bf16-mixed") if native else ("32-true",)
