"""What a network costs: parameters."""

from torch import nn

from aldsr.nn import RDB, ConvBlock


def count_parameters(module: nn.Module, *, biases: bool = True) -> int:
    """Trainable numbers in a network, or its weights alone."""
    return sum(p.numel() for name, p in module.named_parameters() if biases or not name.endswith("bias"))


def table_iv(conv: ConvBlock) -> int:
    """Parameters of one RDB as ALDNet's Table IV counts them: C = 8, G = G0 = 64, weights without biases."""
    return count_parameters(RDB(C=8, G=64, G0=64, conv=conv), biases=False)
