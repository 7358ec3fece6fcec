"""Networks in plain PyTorch. Nothing here knows of Hydra, Lightning or data sets."""

from aldsr.nn.bicubic import BicubicUpscale
from aldsr.nn.blocks import ALDBlock, ConvBlock, DWBlock, FilterAttention, LDWBlock, StandardBlock
from aldsr.nn.descriptors import Descriptor, average, determinant, maximum, zero
from aldsr.nn.folding import fold
from aldsr.nn.rdn import RDB, RDN, UPNet

__all__ = [
    "RDB",
    "RDN",
    "ALDBlock",
    "BicubicUpscale",
    "ConvBlock",
    "DWBlock",
    "Descriptor",
    "FilterAttention",
    "LDWBlock",
    "StandardBlock",
    "UPNet",
    "average",
    "determinant",
    "fold",
    "maximum",
    "zero",
]
