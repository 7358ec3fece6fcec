"""Deployed forms: what a trained network does not need at inference is computed once and baked into its weights.

Fold: the attention depends on the weights only (ALDNet, eq. 3), so ALD becomes LDW. Collapse: LDW is linear from
the depthwise input to the pointwise output, so it becomes one dense convolution, with more operations, but on
some devices less time. Both are exact to float rounding, zero padding and biases included.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from aldsr.nn.blocks import DWBlock, LDWBlock, StandardBlock
from aldsr.nn.layers import Dense, Layer, Separable, offers_layer


def fold(network: nn.Module) -> nn.Module:
    """A copy in which every block that offers `layer()` is the plain block of its weights: ALD becomes LDW."""
    return replaced(network, foldable(network))


def foldable(network: nn.Module) -> list[str]:
    """The places of the blocks that are not plain already, such as "RDBs.0.layers.3"."""
    plain = (StandardBlock, DWBlock, LDWBlock)
    modules = network.named_modules(remove_duplicate=False)
    return [path for path, module in modules if offers_layer(module) and not isinstance(module, plain)]


def collapsible(network: nn.Module) -> list[str]:
    """The places of the blocks that can be collapsed: linear from depthwise input to pointwise output."""
    layers = ((path, module.layer()) for path, module in network.named_modules() if offers_layer(module))
    return [path for path, layer in layers if isinstance(layer, Separable) and not layer.hasty]


def collapse(network: nn.Module, paths: Iterable[str] | None = None) -> nn.Module:
    """A copy in which linear depthwise blocks are dense convolutions.

    Args:
        network: of any blocks.
        paths: places of the blocks; None: of all that can be collapsed.

    Raises:
        ValueError: if a block is not linear.
    """
    return replaced(network, collapsible(network) if paths is None else paths, dense=True)


def replaced(network: nn.Module, paths: Iterable[str], *, dense: bool = False) -> nn.Module:
    """A copy with plain blocks, or dense ones, of the same function in these places ("": the network itself).

    Raises:
        ValueError: if there is no such block in a place.
    """
    copied = nn.ModuleDict({"network": copy.deepcopy(network)})
    blocks = dict(copied.named_modules(remove_duplicate=False))
    for path in paths:
        place = f"network.{path}".rstrip(".")
        parent, _, name = place.rpartition(".")
        block = blocks.get(place)
        if block is None or not offers_layer(block):
            raise ValueError(f"'{path}' is no place of a block that can be folded or collapsed")
        layer: Layer = block.layer()
        if dense:
            layer = collapsed(layer)
        setattr(copied.get_submodule(parent), name, plain_block(layer).train(block.training))
    return copied["network"]


def collapsed(layer: Layer) -> Dense:
    """The dense convolution that equals a linear depthwise layer.

    Raises:
        ValueError: if a ReLU stands between its two halves.
    """
    if isinstance(layer, Dense):
        return layer
    if layer.hasty:
        raise ValueError(
            "a block with a ReLU between depthwise and pointwise (DW) is not linear, so it cannot collapse"
        )
    with torch.autocast(layer.pointwise.device.type, enabled=False):  # weights are not to be rounded
        pointwise = layer.pointwise.flatten(1)
        weight = pointwise[:, :, None, None] * layer.depthwise.squeeze(1)
        return Dense(weight, layer.pointwise_bias + pointwise @ layer.depthwise_bias)


def plain_block(layer: Layer) -> nn.Module:
    """The block without attention that computes this layer."""
    if isinstance(layer, Dense):
        growth, inputs, *_, size = layer.weight.shape
        block: nn.Module = StandardBlock(inputs, growth, kernel_size=size)
    else:
        kind = DWBlock if layer.hasty else LDWBlock
        block = kind(len(layer.depthwise), len(layer.pointwise), kernel_size=layer.depthwise.shape[-1])
    weights = [each.detach() for each in layer if isinstance(each, Tensor)]
    block.to(weights[0].device, weights[0].dtype)
    block.load_state_dict(dict(zip(block.state_dict(), weights, strict=True)))
    return block
