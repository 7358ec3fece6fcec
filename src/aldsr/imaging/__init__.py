"""The mathematics of the measuring protocol: pure functions on tensors, and thin metrics over them."""

from aldsr.imaging.luma import luma
from aldsr.imaging.metrics import ImageScores
from aldsr.imaging.quality import psnr_y, quantise, ssim_y
from aldsr.imaging.resize import imresize

__all__ = ["ImageScores", "imresize", "luma", "psnr_y", "quantise", "ssim_y"]
