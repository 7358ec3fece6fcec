"""The mathematics of the measuring protocol: pure functions on tensors, and thin metrics over them."""

from aldsr.imaging.luma import luma, luma_full_range
from aldsr.imaging.metrics import PSNRY, SSIMY, ImageScores
from aldsr.imaging.protocol import LITERATURE, PROTOCOLS, Protocol, select
from aldsr.imaging.quality import psnr, psnr_y, quantise, ssim, ssim_y
from aldsr.imaging.resize import imresize
from aldsr.imaging.tiling import OVERLAP, self_ensemble, tiled

__all__ = [
    "LITERATURE",
    "OVERLAP",
    "PROTOCOLS",
    "PSNRY",
    "SSIMY",
    "ImageScores",
    "Protocol",
    "imresize",
    "luma",
    "luma_full_range",
    "psnr",
    "psnr_y",
    "quantise",
    "select",
    "self_ensemble",
    "ssim",
    "ssim_y",
    "tiled",
]
