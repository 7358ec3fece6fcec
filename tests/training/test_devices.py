"""What "auto" becomes, on machines with and without GPUs."""

from typing import Any

import pytest
import torch

from aldsr.training import DeviceError, resolve_devices


def resolve(monkeypatch: pytest.MonkeyPatch, *, gpus: int, cpu: str = "", **options: Any) -> tuple[Any, ...]:
    """`gpus`: how many the machine has; `cpu`: what its processor can do."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {cpu: True}, raising=False)
    auto = dict.fromkeys(("accelerator", "devices", "precision", "strategy"), "auto")
    return tuple(resolve_devices(**auto | options).values())


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"gpus": 0}, ("cpu", 1, "32-true")),
        ({"gpus": 0, "strategy": "ddp"}, ("cpu", 2, "32-true")),
        ({"gpus": 0, "cpu": "avx512_bf16"}, ("cpu", 1, "auto")),
        ({"gpus": 0, "cpu": "amx_bf16"}, ("cpu", 1, "auto")),
        ({"gpus": 4}, ("gpu", 1, "auto")),
        ({"gpus": 4, "strategy": "ddp"}, ("gpu", 4, "auto")),
        ({"gpus": 4, "devices": 3}, ("gpu", 3, "auto")),
        ({"gpus": 4, "accelerator": "cpu"}, ("cpu", 1, "32-true")),
    ],
    ids=str,
)
def test_auto_is_what_the_machine_has(
    options: dict[str, Any], found: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve(monkeypatch, **options) == found


@pytest.mark.parametrize(
    ("gpus", "devices", "named"),
    [(0, 1, "trainer=cpu"), (4, 8, "trainer.devices=8.*trainer.devices=4"), (4, 0, "=0"), (4, "two", "=two")],
)
def test_devices_that_the_machine_has_not(
    gpus: int, devices: int | str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeviceError, match=named):
        resolve(monkeypatch, gpus=gpus, devices=devices, accelerator="gpu")
