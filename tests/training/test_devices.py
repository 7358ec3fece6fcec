"""What "auto" becomes, on machines with and without GPUs."""

import pytest
import torch

from aldsr.training import DeviceError, Devices, resolve_devices


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)


def resolve(accelerator: str = "auto", devices: int | str = "auto", strategy: str = "auto") -> Devices:
    return resolve_devices(accelerator=accelerator, devices=devices, precision="auto", strategy=strategy)


@pytest.mark.parametrize("gpus", [0], indirect=True)
@pytest.mark.usefixtures("gpus")
def test_without_a_gpu() -> None:
    assert resolve() == Devices("cpu", 1, "32-true")
    assert resolve(strategy="ddp") == Devices("cpu", 2, "32-true")
    with pytest.raises(DeviceError, match="trainer=cpu"):
        resolve("gpu")


@pytest.mark.parametrize("gpus", [4], indirect=True)
@pytest.mark.usefixtures("gpus")
def test_with_four_gpus() -> None:
    assert resolve() == Devices("gpu", 1, "auto")
    assert resolve(strategy="ddp") == Devices("gpu", 4, "auto")
    assert resolve(devices=3) == Devices("gpu", 3, "auto")
    assert resolve("cpu") == Devices("cpu", 1, "32-true")
    with pytest.raises(DeviceError, match=r"trainer.devices=8.*trainer.devices=4"):
        resolve(devices=8)


@pytest.mark.parametrize("devices", [0, "two"])
def test_a_number_of_devices_is_a_number(devices: int | str) -> None:
    with pytest.raises(DeviceError, match=f"trainer.devices={devices}"):
        resolve("cpu", devices)


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16"])
def test_on_a_cpu_with_bf16_the_precision_has_to_be_measured(capability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True}, raising=False)
    assert resolve("cpu").precision == "auto"
