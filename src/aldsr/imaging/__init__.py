"""Image mathematics: resizing, luma, PSNR, SSIM, tiling as pure functions on tensors."""

from aldsr.imaging.degradations import BICUBIC, Degradation
from aldsr.imaging.detail import detailed_window
from aldsr.imaging.luma import luma, luma_full_range
from aldsr.imaging.protocol import LITERATURE, PROTOCOLS, Protocol, Scores, psnr_gain, select
from aldsr.imaging.quality import NotFiniteError, psnr, psnr_y, quantise, ssim, ssim_y, unit_float
from aldsr.imaging.resize import imresize
from aldsr.imaging.tiling import OVERLAP, self_ensemble, tiled
