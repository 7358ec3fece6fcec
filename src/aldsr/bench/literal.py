"""ALD-RDN as the equations of the paper are usually implemented: the reference for aldsr's speed."""

from types import MethodType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.nn import RDN, ALDBlock


class LiteralALD(nn.Module):
    """The block with attention on the feature map, step by step (ALDNet, eqs. 3–6). Weights as in `ALDBlock`."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        block = ALDBlock(in_channels, out_channels)
        self.depthwise, self.attention, self.pointwise = block.depthwise, block.attention, block.pointwise

    def forward(self, x: Tensor) -> Tensor:
        features = self.depthwise(x)
        r = self.attention(self.depthwise.weight).view(1, -1, 1, 1)
        return F.relu(self.pointwise(features + r * features))


def literal_rdn(**size: Any) -> RDN:
    """Build ALD-RDN of literal blocks: RDBs concatenate, and upscaling is torch's PixelShuffle."""
    network = RDN(conv=LiteralALD, **size)
    network.UPNet.forward = MethodType(nn.Sequential.forward, network.UPNet)  # type: ignore[method-assign]
    return network
