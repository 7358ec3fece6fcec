"""RDN: its wiring written out, and the swap of its blocks; aldsr.parameters counts its size."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn import RDB, RDN, ALDBlock, ConvBlock, DWBlock, LDWBlock, StandardBlock, UPNet
from tests.nn.conftest import activate, same_with_gradients

BLOCKS = [StandardBlock, DWBlock, LDWBlock, ALDBlock]
SMALL: dict[str, Any] = {"D": 2, "C": 3, "G": 4, "G0": 6}


def last_weights(network: RDN) -> Tensor:
    return network.UPNet[-1].get_parameter("weight")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 5)])
def test_upscaling_is_its_layers_one_after_another(scale: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    upnet = UPNet(scale=scale, G=4, G0=6).double()
    steps = [module.upscale_factor for module in upnet if isinstance(module, nn.PixelShuffle)]
    assert steps == ([2, 2] if scale == 4 else [scale])
    x = torch.randn(2, 6, height, width, dtype=torch.float64, requires_grad=True)
    same_with_gradients(upnet(x), nn.Sequential.forward(upnet, x), (x, *upnet.parameters()))


def literal_rdn(x: Tensor, network: RDN) -> Tensor:
    """The residual dense network written out: every local feature is a function of all before it."""
    shallow = network.SFE1(x)
    features = network.SFE2(shallow)
    outputs = []
    for rdb in network.RDBs:
        assert isinstance(rdb, RDB)
        known = [features]
        for layer in rdb.layers:
            known.append(layer(torch.cat(known, 1)))
        features = features + rdb.LFF(torch.cat(known, 1))
        outputs.append(features)
    fused = network.GFF[1](network.GFF[0](torch.cat(outputs, 1)))
    return network.UPNet(fused + shallow)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("residual", ["none", "bicubic"])
def test_forward_is_the_wiring_of_the_rdn_paper_and_gradients_reach_every_parameter(
    block: ConvBlock, residual: Any
) -> None:
    torch.manual_seed(0)
    network, x = RDN(conv=block, residual=residual, **SMALL).double(), torch.rand(1, 3, 5, 6, dtype=torch.float64)
    nn.init.normal_(last_weights(activate(network)))
    output = network(x)
    output.square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
    if residual == "none":
        torch.testing.assert_close(output, literal_rdn(x, network), rtol=1e-12, atol=1e-12)


def test_network_in_channels_last_layout_keeps_its_output_and_its_kernels_plain() -> None:
    torch.manual_seed(0)
    network, x = RDN(conv=ALDBlock, residual="bicubic", **SMALL).double(), torch.rand(2, 3, 5, 7).double()
    nn.init.normal_(last_weights(network))
    expected = network(x)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    output = network(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    assert all(buffer.is_contiguous() for buffer in network.buffers())  # DDP broadcasts no other


def test_users_own_block_is_made_d_times_c_times_with_growing_inputs() -> None:
    calls: list[tuple[int, int]] = []

    def mine(in_channels: int, out_channels: int) -> nn.Module:
        calls.append((in_channels, out_channels))
        return nn.Conv2d(in_channels, out_channels, 5, padding=2)

    network = RDN(conv=mine, D=2, C=3, G=4, G0=6)
    assert calls == [(6, 4), (10, 4), (14, 4)] * 2
    assert network(torch.rand(1, 3, 4, 4)).shape == (1, 3, 16, 16)


def test_checkpointing_changes_no_gradient() -> None:
    torch.manual_seed(0)
    network, x = RDN(conv=ALDBlock, **SMALL), torch.rand(1, 3, 5, 6)
    grads = []
    for checkpoint in (False, True):
        network.checkpoint = checkpoint
        grads.append(torch.autograd.grad(network(x).square().sum(), list(network.parameters())))
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
