"""The attention of all layers at once is that of each by itself, with the same gradients, and never that of others."""

import copy
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aldsr.nn import ALDBlock, average, determinant, maximum, scale_free, standardised, zero
from aldsr.nn.blocks.ald import GIVEN
from aldsr.nn.descriptors import Descriptor
from aldsr.nn.grouped_attention import GroupedAttention
from tests.nn.conftest import activate, network_of, same_with_gradients


def largest_by_branch(filters: Tensor) -> Tensor:
    """A user's descriptor that looks at values, which vmap refuses."""
    return maximum(filters) if filters.sum() > 0 else average(filters)


class Mixed(nn.Module):
    """Layers of several widths, filters and descriptors, each of which is checkpointed or not."""

    scale = 1

    def __init__(self, descriptor: Descriptor, *, checkpoints: bool = False) -> None:
        super().__init__()
        kinds = [(4, 3), (6, 3), (4, 3), (4, 5), (6, 3)]
        blocks = [ALDBlock(width, 3, kernel_size=k, reduction=3, descriptor=descriptor) for width, k in kinds]
        self.blocks = nn.ModuleList([*blocks, ALDBlock(4, 3, descriptor=zero)])
        self.checkpoints = checkpoints

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for block in self.blocks:
            wide = torch.cat((total, x, x), 1)[:, : block.depthwise.in_channels]
            total = total + (checkpoint(block, wide, use_reentrant=False) if self.checkpoints else block(wide))
        return total


def mixed(descriptor: Descriptor = determinant, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return activate(Mixed(descriptor, **options)).double()  # type: ignore[no-any-return]


X = torch.linspace(-1, 1, 75, dtype=torch.float64).view(1, 3, 5, 5)


@pytest.mark.parametrize(
    "descriptor",
    [
        average,
        maximum,
        determinant,
        zero,
        largest_by_branch,
        partial(standardised, of=determinant),
        partial(scale_free, of=partial(standardised, of=average)),
    ],
)
@pytest.mark.parametrize("checkpoints", [False, True])
def test_outputs_and_gradients_are_those_of_the_layers(descriptor: Descriptor, checkpoints: bool) -> None:
    network = mixed(descriptor, checkpoints=checkpoints)
    with GroupedAttention(network) as attention:
        assert len(attention.given) == len(network.blocks)
        together = network(X)
    assert not GIVEN
    network.checkpoints = False
    alone = network(X)
    with attention:
        same_with_gradients(together, alone, list(network.parameters()))


def test_partials_that_do_the_same_are_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(C=1, D=3)
    for rdb in network.RDBs:
        rdb.layers[0].attention.descriptor = partial(standardised, of=partial(scale_free, of=determinant))
    stacked: list[int] = []
    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda tensors: stacked.append(len(tensors)) or stack(tensors))
    GroupedAttention(network)
    assert set(stacked) == {3}


def test_only_the_network_itself_with_the_weights_that_it_had_takes_it_until_the_end() -> None:
    network = mixed()
    block = network.blocks[0]
    block.attention(block.depthwise.weight)
    with GroupedAttention(network) as outer:
        r = outer.given[block.attention][1]
        assert block.attention(block.depthwise.weight) is r
        other = copy.deepcopy(network)
        assert other.blocks[0].attention(other.blocks[0].depthwise.weight) is not r
        for filters in (block.depthwise.weight * 2, block.depthwise.weight.transpose(2, 3)):
            assert block.attention(filters) is not r
        with suppress(RuntimeError), GroupedAttention(network) as inner, inner:
            assert block.attention(block.depthwise.weight) is inner.given[block.attention][1]
            raise RuntimeError
        assert block.attention(block.depthwise.weight) is r
    assert not GIVEN


def test_what_would_not_be_computed_in_the_same_way_is_left_to_the_block() -> None:
    network = mixed()
    first, second, third = (block.attention for block in network.blocks[:3])
    first.squeeze.register_forward_hook(lambda *_: None)
    second.excite = nn.Sequential(second.excite)
    third.__class__ = type("Mine", (type(third),), {})
    assert not {first, second, third} & GroupedAttention(network).given.keys()
