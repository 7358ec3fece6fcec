"""RDN: the residual dense network whose convolution block can be swapped.

Zhang, Tian, Kong, Zhong, Fu: Residual Dense Network for Image Super-Resolution, CVPR 2018.
ALDNet (Hwang et al.) replaces the 3×3 convolutions inside the RDBs and nothing else.

Letters as in the papers: D residual dense blocks (RDB) of C layers each, growth G, G0 feature maps
between them. All convolutions are biased; there is no batch norm and no mean shift.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aldsr.nn.blocks import ConvBlock, StandardBlock
from aldsr.nn.kernels.buffered_rdb import buffered_rdb, find_layers
from aldsr.nn.kernels.choice import triton_computes
from aldsr.nn.layers import has_layer, weights_and_biases
from aldsr.nn.upscaling import Residual, UPNet, Upscaler, conv3x3


class RDB(nn.Module):
    """Residual dense block: C densely connected blocks, local feature fusion (LFF), local residual.

    `Tensor[B, G0, H, W]` → `Tensor[B, G0, H, W]`. Computed without concatenation if the blocks allow it: on a CPU, and
    on a GPU if that was chosen (see `kernels.choice`).
    """

    def __init__(self, *, C: int, G: int, G0: int, conv: ConvBlock) -> None:
        super().__init__()
        self.layers = nn.ModuleList(conv(G0 + c * G, G) for c in range(C))
        self.LFF = nn.Conv2d(G0 + C * G, G0, 1)

    def suits_kernels(self) -> bool:
        """Whether the kernels that can be chosen for GPUs compute it (see `kernels.choice`)."""
        return all(has_layer(each) and triton_computes(each.layer()) for each in self.layers)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        if layers := find_layers(list(self.layers), x, others=[self.LFF]):
            return buffered_rdb(x, layers, *weights_and_biases(self.LFF))
        features = x
        for layer in self.layers:
            features = torch.cat((features, layer(features)), 1)
        return self.LFF(features) + x


class RDN(Upscaler):
    """Residual dense network for super-resolution.

    Args:
        conv: makes the blocks inside the RDBs: `conv(in_channels, out_channels)`.
        scale, residual: see `Upscaler`.
        D, C, G, G0: see above. The defaults are the papers'.
        checkpoint: keep only the inputs of the RDBs for the backward pass and compute the rest again: less memory, a
            third more time.
        up: the width of the upscaler. Default: G, as in the paper; at small sizes most of the cost is there.

    Raises ValueError for a value that is not offered.
    """

    upsampling = "UPNet"

    def __init__(
        self,
        *,
        conv: ConvBlock = StandardBlock,
        scale: int = 4,
        D: int = 16,
        C: int = 8,
        G: int = 64,
        G0: int = 64,
        residual: Residual = "none",
        checkpoint: bool = False,
        up: int | None = None,
    ) -> None:
        super().__init__(scale, residual)
        self.checkpoint = checkpoint
        self.SFE1 = conv3x3(3, G0)
        self.SFE2 = conv3x3(G0, G0)
        self.RDBs = nn.ModuleList(RDB(C=C, G=G, G0=G0, conv=conv) for _ in range(D))
        self.GFF = nn.Sequential(nn.Conv2d(D * G0, G0, 1), conv3x3(G0, G0))
        self.UPNet = UPNet(scale=scale, G=G if up is None else up, G0=G0)
        self.adjust_first_weights()

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.SFE1(x)
        features, local = self.SFE2(shallow), []
        for rdb in self.RDBs:
            if self.checkpoint and torch.is_grad_enabled():
                # A CUDA graph can neither read nor restore the state of random numbers.
                keep = not (x.is_cuda and torch.cuda.is_current_stream_capturing())
                features = checkpoint(rdb, features, use_reentrant=False, preserve_rng_state=keep)
            else:
                features = rdb(features)
            local.append(features)
        return self.add_residual(self.UPNet(self.GFF(torch.cat(local, 1)) + shallow), x)
