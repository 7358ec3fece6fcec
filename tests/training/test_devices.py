"""What "auto" becomes, on machines with and without GPUs."""

import pytest
import torch

from aldsr.training import DeviceError, Devices, resolve_devices, supported_precisions


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param > 0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)


def settled(accelerator: str = "auto", devices: int | str = "auto", strategy: str = "auto") -> Devices:
    return resolve_devices(accelerator=accelerator, devices=devices, precision="auto", strategy=strategy)


@pytest.mark.parametrize("gpus", [0], indirect=True)
@pytest.mark.usefixtures("gpus")
def test_without_a_gpu() -> None:
    assert settled() == Devices("cpu", 1, "32-true")
    assert settled(strategy="ddp") == Devices("cpu", 2, "32-true")
    with pytest.raises(DeviceError, match="this machine has 0 usable NVIDIA GPUs; use trainer=cpu"):
        settled("gpu")


@pytest.mark.parametrize("gpus", [4], indirect=True)
@pytest.mark.usefixtures("gpus")
def test_with_four_gpus() -> None:
    assert settled() == Devices("gpu", 1, "auto")
    assert settled(strategy="ddp") == Devices("gpu", 4, "auto")
    assert settled(devices=3) == Devices("gpu", 3, "auto")
    assert settled("cpu") == Devices("cpu", 1, "32-true")
    with pytest.raises(DeviceError, match=r"trainer.devices=8: .* 4 usable NVIDIA GPUs; use trainer.devices=4"):
        settled(devices=8)


@pytest.mark.parametrize("devices", [0, -2, "two"])
def test_a_number_of_devices_is_a_number(devices: int | str) -> None:
    with pytest.raises(DeviceError, match="expected a number of devices from 1 up, or auto"):
        settled("cpu", devices)


def test_a_cpu_that_computes_in_bf16_leaves_the_precision_to_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert settled("cpu").precision == "auto"
    assert supported_precisions("cpu") == ("32-true", "bf16-mixed")
