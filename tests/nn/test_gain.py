"""A constant gain of LDW, r that is not trained, and networks that start alike in what they share."""

import pytest
import torch
from torch.nn import functional as F

from aldsr.nn import RDN, ALDBlock, DWBlock, LDWBlock, collapse, fold, zero
from aldsr.nn.initial import draw_by_role

SIZE = {"D": 2, "C": 2, "G": 4, "G0": 6, "residual": "bicubic"}


def test_a_gain_multiplies_the_depthwise_features_and_is_folded_into_the_weights() -> None:
    block, x = LDWBlock(6, 4, gain=1.5), torch.randn(2, 6, 9, 7)
    depthwise, pointwise, _ = block
    expected = F.relu(pointwise(1.5 * depthwise(x)))
    assert torch.allclose(block(x), expected, atol=1e-6)
    folded = fold(block)
    assert torch.allclose(folded(x), expected, atol=1e-6)
    assert type(folded) is LDWBlock
    assert folded.gain == 1
    assert torch.allclose(collapse(block)(x), expected, atol=1e-5)
    grads = [torch.autograd.grad(y.square().sum(), list(block.parameters())) for y in (block(x), expected)]
    for ours, theirs in zip(*grads, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_gain_counts_inside_an_rdb_too() -> None:
    plain, gained = (RDN(conv=lambda i, o, gain=g: LDWBlock(i, o, gain=gain), **SIZE) for g in (1.0, 1.5))
    gained.load_state_dict(plain.state_dict())
    for network in (plain, gained):
        torch.nn.init.normal_(network.UPNet[-1].weight, std=0.1)
    gained.UPNet[-1].load_state_dict(plain.UPNet[-1].state_dict())
    x = torch.rand(1, 3, 8, 8)
    assert not torch.allclose(plain(x), gained(x), atol=1e-4)
    assert torch.allclose(fold(gained)(x), gained(x), atol=1e-5)


def test_what_is_frozen_gets_no_gradient() -> None:
    block = ALDBlock(6, 4, descriptor=zero, frozen=True)
    block(torch.rand(1, 6, 5, 5)).sum().backward()
    assert all(each.grad is None for each in block.attention.parameters())
    assert block.depthwise.weight.grad is not None


def ald(inputs: int, outputs: int) -> ALDBlock:
    return ALDBlock(inputs, outputs, reduction=2)


def test_networks_of_one_seed_start_alike_in_what_they_share() -> None:
    networks = [RDN(conv=conv, **SIZE) for conv in (LDWBlock, DWBlock, ald, lambda i, o: LDWBlock(i, o, init_gain=1.5))]
    for network in networks:
        draw_by_role(network, 3)
    ldw, dw, attentive, larger = (network.RDBs[1].layers[1] for network in networks)
    assert torch.equal(ldw[0].weight, dw[0].weight)
    assert torch.equal(ldw[1].bias, dw[2].bias)
    assert torch.equal(ldw[0].weight, attentive.depthwise.weight)
    assert torch.equal(ldw[1].weight, attentive.pointwise.weight)
    assert torch.equal(1.5 * ldw[0].weight, larger[0].weight)
    assert torch.equal(networks[0].GFF[0].weight, networks[2].GFF[0].weight)
    assert not networks[0].UPNet[-1].weight.any()  # the residual starts at bicubic
    assert not torch.equal(ldw[0].weight, networks[0].RDBs[0].layers[1][0].weight)
    draw_by_role(again := RDN(conv=LDWBlock, **SIZE), 4)
    assert not torch.equal(ldw[0].weight, again.RDBs[1].layers[1][0].weight)
    bound = 1 / 3  # of torch's own distribution: 9 inputs
    assert ldw[0].weight.abs().max().item() == pytest.approx(bound, rel=0.1)
