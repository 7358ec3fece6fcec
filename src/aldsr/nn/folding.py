"""Exact simplifications for inference: what does not depend on the image is computed once, into the weights.

Fold: the attention depends on the weights only (ALDNet, eq. 3), so ALD becomes LDW. Collapse: LDW is linear from the
depthwise input to the pointwise output, so it becomes one dense convolution, with more operations, but on some
devices less time; so does BSConv, unless it has a bias between its halves. Both are exact to float rounding, zero
padding and biases included.
"""

import copy
from collections.abc import Iterable

from torch import Tensor, nn

from aldsr.nn import layers
from aldsr.nn.blocks import BSConvBlock, DWBlock, LDWBlock, StandardBlock


def fold(network: nn.Module) -> nn.Module:
    """A copy in which every block with `layer()` is the plain block of its weights: ALD becomes LDW."""
    return replace_blocks(network, foldable_blocks(network))


def foldable_blocks(network: nn.Module) -> list[str]:
    """The paths of the blocks that `fold` replaces, such as "RDBs.0.layers.3"."""
    modules = network.named_modules(remove_duplicate=False)
    plain = StandardBlock | DWBlock | LDWBlock | BSConvBlock
    blocks = ((path, block) for path, block in modules if layers.has_layer(block))
    return [path for path, block in blocks if not isinstance(block, plain) or getattr(block, "gain", 1) != 1]


def collapsible_blocks(network: nn.Module) -> list[str]:
    """The paths of the blocks that can be collapsed: linear before the activation, and not dense yet."""
    found = ((path, module.layer()) for path, module in network.named_modules() if layers.has_layer(module))
    return [path for path, layer in found if layers.is_collapsible(layer) and not isinstance(layer, layers.Dense)]


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
        if block is None or not layers.has_layer(block):
            raise ValueError(f"'{path}' is not the path of a block that can be folded or collapsed")
        layer = layers.collapse_layer(block.layer()) if dense else block.layer()
        setattr(root.get_submodule(parent), name, make_plain_block(layer).train(block.training))
    return root["network"]


def make_plain_block(layer: layers.Layer) -> nn.Module:
    """The block without attention that computes a layer."""
    channels, size = layers.channels_of(layer), layers.kernel_size_of(layer)
    block: nn.Sequential
    if isinstance(layer, layers.Dense):
        block = StandardBlock(*channels, kernel_size=size)
    elif isinstance(layer, layers.PointwiseFirst):
        block = BSConvBlock(*channels, kernel_size=size, bias=layer.pointwise_bias is not None)
    else:
        kind = DWBlock if layer.inner_relu else LDWBlock
        block = kind(*channels, kernel_size=size)
    weights = [each.detach() for each in layer if isinstance(each, Tensor)]
    block.to(weights[0].device, weights[0].dtype)
    block.load_state_dict(dict(zip(block.state_dict(), weights, strict=True)))
    block[-1] = copy.deepcopy(layer.activation)  # a PReLU has a weight
    return block
