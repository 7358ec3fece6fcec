"""Convolution blocks, one family a file, each a drop-in for "conv 3×3 → activation".

Hwang, Yu, Jung, Kim: Attention-aware Linear Depthwise Convolution for Single Image Super-Resolution.

    standard   conv k×k ────────────────────────────────→ ReLU     RDN (Zhang et al., CVPR 2018)
    DW         depthwise k×k → ReLU ─────→ pointwise 1×1 → ReLU     Fig. 1(a), without batch norm
    LDW        depthwise k×k ────────────→ pointwise 1×1 → ReLU     Fig. 1(b)
    ALD        depthwise k×k → × (1 + r) → pointwise 1×1 → ReLU     Fig. 2, eqs. 3–6
    BSConv     pointwise 1×1 ────────────→ depthwise k×k → ReLU     BSConv-U (Haase, Amthor, CVPR 2020)

A block maps `Tensor[B, in_channels, H, W]` to `Tensor[B, out_channels, H, W]` and is made by
`block(in_channels, out_channels)`; bind further options with `functools.partial`. The last ReLU is the option
`activation`, by a name of `layers.ACTIVATIONS`: networks with other activations choose it for each place. A block may
offer `layer()`, which returns what it computes as weights (see `aldsr.nn.layers`): it is then folded, collapsed and,
inside an RDB on a CPU, computed without concatenation.
"""

from aldsr.nn.blocks.ald import ALDBlock, FilterAttention
from aldsr.nn.blocks.separable import BSConvBlock, DWBlock, LDWBlock
from aldsr.nn.blocks.standard import ConvBlock, StandardBlock, make_block
