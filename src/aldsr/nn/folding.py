"""Folding: what a trained block does not need at inference is computed once and baked into its weights."""

import copy

from torch import nn


def fold(network: nn.Module) -> nn.Module:
    """A copy in which every block that can be folded is (`block.folded()`): ALD becomes LDW, exact to rounding.

    The attention depends on the weights only (ALDNet, eq. 3), so at inference ALD costs what LDW costs.
    """
    if hasattr(network, "folded"):
        return network.folded()  # type: ignore[operator]
    copied = copy.deepcopy(network)
    for path, module in list(copied.named_modules(remove_duplicate=False)):
        if hasattr(module, "folded"):
            parent, _, name = path.rpartition(".")
            setattr(copied.get_submodule(parent), name, module.folded())
    return copied
