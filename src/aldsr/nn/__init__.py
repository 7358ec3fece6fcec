"""Networks in plain PyTorch, independent of Hydra, Lightning and data sets."""

from aldsr.nn.backbones.edsr import EDSR
from aldsr.nn.backbones.fsrcnn import FSRCNN
from aldsr.nn.backbones.imdn import IMDN
from aldsr.nn.backbones.rcan import RCAN
from aldsr.nn.backbones.rdn import RDB, RDN
from aldsr.nn.bicubic import BicubicUpscale
from aldsr.nn.blocks import ALDBlock, BSConvBlock, ConvBlock, DWBlock, FilterAttention, LDWBlock, StandardBlock
from aldsr.nn.deployment import deploy, deployed
from aldsr.nn.descriptors import Descriptor, average, determinant, maximum, scale_free, standardised, zero
from aldsr.nn.folding import collapse, fold
from aldsr.nn.foreign import External
from aldsr.nn.layers import Dense, Layer, PointwiseFirst, Separable
from aldsr.nn.upscaling import UPNet
