"""The attention of all ALD layers of a network at once.

Layer by layer it takes a dozen small operations for each of them, 128 times at the paper's size, and a GPU spends more
time starting them than with the convolutions. Layers of one width are computed together, by batched products.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.core.hooks import has_hooks
from aldsr.nn.blocks.ald import GIVEN, FilterAttention
from aldsr.nn.descriptors import Descriptor


class GroupedAttention:
    """r of every `FilterAttention` of a network, with its gradients; while this is entered, the blocks use it.

    Enter it for one forward pass, `with GroupedAttention(network) as attention`, since r changes with the weights, and
    again for its backward pass, `with attention`, in which checkpointing computes blocks a second time.

    Blocks are found by their `attention` and their `depthwise` convolution. One that calls its attention with other
    filters, or has one of a class of its own, computes it as ever; so does a copy of the network.
    """

    def __init__(self, network: nn.Module) -> None:
        groups = defaultdict(list)
        for attention, filters in find_attentions(network):
            shape = filters.shape, len(attention.squeeze.weight), filters.dtype, filters.device
            groups[shape, _identify(attention.descriptor)].append((attention, filters))
        self.given: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        for group in groups.values():
            for (attention, filters), r in zip(group, _compute(group), strict=True):
                self.given[attention] = filters, r
        self.hidden: list[dict[nn.Module, tuple[Tensor, Tensor]]] = []  # what was entered before, once for each entry

    def __enter__(self) -> Self:
        self.hidden.append({each: GIVEN[each] for each in self.given if each in GIVEN})
        GIVEN.update(self.given)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in self.given:
            GIVEN.pop(each, None)
        GIVEN.update(self.hidden.pop())


def find_attentions(network: nn.Module) -> list[tuple[FilterAttention, Tensor]]:
    """Every attention that can be computed together with others, and the filters of its depthwise convolution."""
    found = []
    for block in network.modules():
        attention, conv = (getattr(block, name, None) for name in ("attention", "depthwise"))
        if type(attention) is FilterAttention and isinstance(conv, nn.Conv2d):
            layers = attention.squeeze, attention.excite
            if all(type(each) is nn.Linear for each in layers) and not has_hooks(layers):
                found.append((attention, conv.weight))
    return found


def _compute(group: Sequence[tuple[FilterAttention, Tensor]]) -> Sequence[Tensor]:
    """r of L layers with C filters k×k each, as `FilterAttention` computes it."""
    attentions, filters = zip(*group, strict=True)
    with torch.autocast(filters[0].device.type, enabled=False):
        z = _describe(torch.stack(filters).squeeze(2), attentions[0].descriptor)  # L, C
        squeeze, excite = ([getattr(each, name) for each in attentions] for name in ("squeeze", "excite"))
        hidden = F.relu(_linear(z.unsqueeze(2), squeeze))
        return _linear(hidden, excite).squeeze(2).sigmoid().unbind()


def _linear(x: Tensor, layers: Sequence[nn.Linear]) -> Tensor:
    """The linear layers of L networks: `Tensor[L, inputs, 1]` → `Tensor[L, outputs, 1]`."""
    weight, bias = (torch.stack([getattr(each, name) for each in layers]) for name in ("weight", "bias"))
    return torch.baddbmm(bias.unsqueeze(2), weight, x)


def _describe(filters: Tensor, descriptor: Descriptor) -> Tensor:
    """The descriptor of each layer by itself, since it may compare filters. `Tensor[L, C, k, k]` → `Tensor[L, C]`."""
    try:
        return torch.vmap(descriptor)(filters)
    except Exception:  # a user's descriptor may do what vmap cannot, or be wrong, as the next line will say
        return torch.stack([descriptor(each) for each in filters])


def _identify(descriptor: Any) -> Hashable:
    """A key that is the same for functions that do the same: the function, and of a `partial` its parts."""
    if isinstance(descriptor, partial):
        options = sorted((name, _identify(value)) for name, value in descriptor.keywords.items())
        return _identify(descriptor.func), *map(_identify, descriptor.args), *options
    return descriptor if isinstance(descriptor, Hashable) else id(descriptor)
