"""Exact simplifications for inference: what does not depend on the image is computed once, into the weights.

Fold: the attention depends on the weights only (ALDNet, eq. 3), so ALD becomes LDW. Collapse: LDW is linear from the
depthwise input to the pointwise output, so it becomes one dense convolution, with more operations, but on some
devices less time; so does BSConv, unless it has a bias between its halves. Both are exact to float rounding, zero
padding and biases included.
"""

import copy
from collections.abc import Iterable

from torch import Tensor, nn

from aldsr.nn.blocks import BSConvBlock, DWBlock, LDWBlock, StandardBlock
from aldsr.nn.layers import (
    Dense,
    Layer,
    PointwiseFirst,
    channels_of,
    collapse_layer,
    has_layer,
    is_collapsible,
    kernel_size_of,
)


def fold(network: nn.Module) -> nn.Module:
    """A copy in which every block with `layer()` is the plain block of its weights: ALD becomes LDW."""
    return replace_blocks(network, foldable_blocks(network))


def foldable_blocks(network: nn.Module) -> list[str]:
    """The paths of the blocks that `fold` replaces, such as "RDBs.0.layers.3"."""
    modules = network.named_modules(remove_duplicate=False)
    plain = StandardBlock | DWBlock | LDWBlock | BSConvBlock
    blocks = ((path, block) for path, block in modules if has_layer(block))
    return [path for path, block in blocks if not isinstance(block, plain) or getattr(block, "gain", 1) != 1]


def collapsible_blocks(network: nn.Module) -> list[str]:
    """The paths of the blocks that can be collapsed: linear before the activation, and not dense yet."""
    layers = ((path, module.layer()) for path, module in network.named_modules() if has_layer(module))
    return [path for path, layer in layers if is_collapsible(layer) and not isinstance(layer, Dense)]


def collapse(network: nn.Module, paths: Iterable[str] | None = None) -> nn.Module:
    """A copy in which the linear separable blocks at these paths, by default all, are dense convolutions.

    Raises ValueError if there is no block at a path, or it is not linear.
    """
    return replace_blocks(network, collapsible_blocks(network) if paths is None else paths, dense=True)


def replace_blocks(network: nn.Module, paths: Iterable[str], *, dense: bool = False) -> nn.Module:
    """A copy with plain or dense blocks of the same function at these paths ("": the network itself)."""
    root = nn.ModuleDict({"network": copy.deepcopy(network)})
    blocks = dict(root.named_modules(remove_duplicate=False))
    for path in paths:
        full_path = f"network.{path}".rstrip(".")
        parent, _, name = full_path.rpartition(".")
        block = blocks.get(full_path)
        if block is None or not has_layer(block):
            raise ValueError(f"'{path}' is not the path of a block that can be folded or collapsed")
        layer = collapse_layer(block.layer()) if dense else block.layer()
        setattr(root.get_submodule(parent), name, make_plain_block(layer).train(block.training))
    return root["network"]


def make_plain_block(layer: Layer) -> nn.Module:
    """The block without attention that computes a layer."""
    channels, size = channels_of(layer), kernel_size_of(layer)
    block: nn.Sequential
    if isinstance(layer, Dense):
        block = StandardBlock(*channels, kernel_size=size)
    elif isinstance(layer, PointwiseFirst):
        block = BSConvBlock(*channels, kernel_size=size, bias=layer.pointwise_bias is not None)
    else:
        kind = DWBlock if layer.inner_relu else LDWBlock
        block = kind(*channels, kernel_size=size)
    weights = [each.detach() for each in layer if isinstance(each, Tensor)]
    block.to(weights[0].device, weights[0].dtype)
    block.load_state_dict(dict(zip(block.state_dict(), weights, strict=True)))
    block[-1] = copy.deepcopy(layer.activation)  # a PReLU has a weight
    return block
