"""Whether someone listens to what a network computes."""

from collections.abc import Iterable

from torch import nn


def has_hooks(modules: Iterable[nn.Module]) -> bool:
    """Whether one of the modules, or of those inside them, has a hook, which only a call of that module would call."""
    inside = (module for each in modules for module in each.modules())
    # torch offers no public way to ask for hooks.
    return any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks or m._backward_pre_hooks for m in inside)
