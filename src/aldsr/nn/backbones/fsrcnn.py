"""FSRCNN: the smallest network here, upscaled by one deconvolution at the end, whose convolution block can be swapped.

Dong, Loy, Tang: Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016.

    extraction 5×5, d → shrinking 1×1, s → m × conv 3×3 → expanding 1×1, d → deconvolution 9×9, stride `scale`

The names d, s and m and the defaults are the paper's. A PReLU with one slope follows every convolution; the
deconvolution starts from Gaussians of deviation 0.001, the others from torch's usual values. The authors upscale Y
alone, with 12,464 weights; here colours come in and go out. Only the m convolutions between s channels are swapped.
"""

from torch import Tensor, nn

from aldsr.nn.blocks import ConvBlock, StandardBlock, make_block
from aldsr.nn.layers import make_activation
from aldsr.nn.upscaling import Residual, Upscaler


class FSRCNN(Upscaler):
    """Fast super-resolution convolutional network.

    `conv` makes the m blocks between the 1×1 convolutions: `conv(in_channels, out_channels, activation=…)`.
    Raises ValueError for a value that is not offered, or a block without the option `activation`.
    """

    upsampling = "deconv"

    def __init__(
        self,
        *,
        conv: ConvBlock = StandardBlock,
        scale: int = 4,
        d: int = 56,
        s: int = 12,
        m: int = 4,
        residual: Residual = "none",
    ) -> None:
        super().__init__(scale, residual)
        for name, value in {"d": d, "s": s, "m": m}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.extraction = StandardBlock(3, d, kernel_size=5, activation="prelu")
        self.shrinking = nn.Sequential(nn.Conv2d(d, s, 1), make_activation("prelu"))
        self.mapping = nn.Sequential(*(make_block(conv, s, s, activation="prelu") for _ in range(m)))
        self.expanding = nn.Sequential(nn.Conv2d(s, d, 1), make_activation("prelu"))
        self.deconv = nn.ConvTranspose2d(d, 3, 9, stride=scale, padding=4, output_padding=scale - 1)
        self.adjust_first_weights()

    def adjust_first_weights(self) -> None:
        """Draw those of the deconvolution as the authors do, or start at bicubic with a residual."""
        nn.init.normal_(self.deconv.weight, std=0.001)
        super().adjust_first_weights()

    def forward(self, x: Tensor) -> Tensor:
        features = self.mapping(self.shrinking(self.extraction(x)))
        return self.add_residual(self.deconv(self.expanding(features)), x)
