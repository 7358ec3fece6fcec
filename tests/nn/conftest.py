"""What the tests of networks share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import ALDBlock
from aldsr.nn.description import build
from aldsr.nn.kernels import cpu
from aldsr.nn.weights import write_weights


def description(block: str = "ALDBlock", **options: Any) -> dict[str, Any]:
    """A small network, as a config describes it."""
    conv = {"_target_": f"aldsr.nn.{block}", "_partial_": True}
    return {"_target_": "aldsr.nn.RDN", "scale": 2, "D": 1, "C": 2, "G": 4, "G0": 4, "conv": conv} | options


def activate(network: Any) -> Any:
    """Give a network an attention that differs from filter to filter, and biases that matter at the image's edge."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, ALDBlock):
            for parameter in (module.depthwise.weight, *module.attention.parameters()):
                nn.init.normal_(parameter, std=0.5, generator=generator)
            nn.init.constant_(module.attention.squeeze.bias, 2)
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, generator=generator)
    return network


def network_of(block: str = "ALDBlock", **options: Any) -> nn.Module:
    """The network of `description`, activated."""
    torch.manual_seed(0)
    network: nn.Module = activate(build(description(block, **options)))
    return network


def save(path: Path, network: nn.Module, described: Any) -> Path:
    """A weights file or, as training writes it, a checkpoint in which the network is a part of a larger module."""
    if path.suffix == ".safetensors":
        write_weights(path, network, described)
    else:
        state = {f"network.{key}": value for key, value in network.state_dict().items()}
        torch.save({"network": described, "state_dict": state | {"loss.weight": torch.ones(1)}, "epoch": 3}, path)
    return path


def same_state(a: nn.Module, b: nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def same_with_gradients(ours: Tensor, theirs: Tensor, inputs: Any) -> None:
    """Outputs and gradients, of a weighted sum of them with respect to `inputs`, agree to float64's rounding."""
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    upstream = torch.linspace(-1, 1, ours.numel(), dtype=ours.dtype).view_as(ours)
    # With z = 0 the first attention weights get no gradient, which both may say as None or as zeros.
    grads = (torch.autograd.grad(each, inputs, upstream, materialize_grads=True) for each in (ours, theirs))
    for our, their in zip(*grads, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-10, atol=1e-11)


def kept_features(compute: Callable[[Tensor], Tensor], x: Tensor) -> list[int]:
    """Numbers in each distinct feature map that autograd keeps for the backward pass."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.numel() >= x[:, 0].numel():  # any feature map is larger than any weight
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = compute(x)
    assert output.requires_grad
    return list(sizes.values())


@pytest.fixture
def compiled() -> None:
    """Skip the test where the kernels cannot be compiled."""
    if not cpu.is_available(torch.float32):
        pytest.skip("the kernels could not be compiled; set CC to a C compiler with OpenMP")


@pytest.fixture
def without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "load_library", lambda dtype: None)
