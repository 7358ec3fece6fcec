"""MS-SSIM, VIF, LPIPS and DISTS: measures beside PSNR and SSIM, if a protocol has them.

MS-SSIM and VIF are their authors' definitions in float64. torchmetrics' are the same but for MS-SSIM's coarsest scale,
at whose border it mirrors the images, and take a hundred times as long. LPIPS and DISTS are torchmetrics' own networks;
their values were not checked here, where their weights could not be had.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.core.errors import OptionError
from aldsr.imaging.quality import gaussian, ssim, window_means

# Of each measure the settings that results hold, which never change, and how they are printed. "The same values" are
# those of PSNR and SSIM. LPIPS: https://github.com/richzhang/PerceptualSimilarity, "alex" by default and "vgg"; DISTS:
# https://github.com/dingkeyan93/DISTS; both without the resizing of some scripts.
SETTINGS: dict[str, dict[str, str]] = {
    "ms_ssim": {"5 scales, range 255": "MS-SSIM of the same values, L 255, 5 scales (Wang et al., 2003)"},
    "vif": {"pixel domain, range 255": "VIF of the same values, 0-255, in the pixel domain (Sheikh and Bovik, 2006)"},
    "lpips": {
        "alex, RGB in [-1, 1]": "LPIPS 0.1 (AlexNet) of the same pixels' RGB in [-1, 1]",
        "vgg, RGB in [-1, 1]": "LPIPS 0.1 (VGG-16) of the same pixels' RGB in [-1, 1]",
    },
    "dists": {"vgg, RGB in [0, 1]": "DISTS (VGG-16) of the same pixels' RGB in [0, 1]"},
}
# What users type → the measure and its settings.
MEASURES = {name: (name, next(iter(settings))) for name, settings in SETTINGS.items()}
MEASURES["lpips_vgg"] = ("lpips", "vgg, RGB in [-1, 1]")
TITLES = {"ms_ssim": "MS-SSIM", "vif": "VIF", "lpips": "LPIPS ↓", "dists": "DISTS ↓"}  # ↓: less is better
LEAST_SIDES = {"ms_ssim": 161, "vif": 41, "lpips": 32, "dists": 32}  # pixels at each side, after shaving
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM's scales
NOISE, TINY = 2.0, 1e-10  # VIF: variance of the eye's noise, and what counts as no variance
TORCHVISION_WEIGHTS = {"alex": "AlexNet_Weights.DEFAULT", "vgg": "VGG16_Weights.DEFAULT"}


def ms_ssim(sr: Tensor, hr: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang et al., 2003) of values 0…255: structure at five scales, luminance at the coarsest.

    Windows lie inside the image, channels are averaged, a negative mean counts as 0. Of an odd size the last row or
    column is kept, as in the authors' code.
    """
    total = torch.ones(len(sr), dtype=torch.float64, device=sr.device)
    for scale, weight in enumerate(WEIGHTS, 1):
        total *= ssim(sr, hr, luminance=scale == len(WEIGHTS)).relu() ** weight
        sr, hr = (F.avg_pool2d(each.double(), 2, ceil_mode=True) for each in (sr, hr))
    return total


def vif(sr: Tensor, hr: Tensor) -> Tensor:
    """Visual information fidelity in the pixel domain (Sheikh and Bovik, 2006) of values 0…255, mean over channels.

    HR without any variance has no information: 1 if SR equals it, else 0.
    """
    same, kept, whole = (sr == hr).all(-1).all(-1), torch.zeros(()), torch.zeros(())
    for size in (17, 9, 5, 3):
        bell = gaussian(size, size / 5)
        if size < 17:
            sr, hr = (window_means(each, bell)[..., ::2, ::2] for each in (sr, hr))
        mean_sr, mean_hr, *squares = (window_means(each, bell) for each in (sr, hr, sr * sr, hr * hr, sr * hr))
        var_sr, var_hr, both = squares[0] - mean_sr**2, squares[1] - mean_hr**2, squares[2] - mean_sr * mean_hr
        # SR is HR times a gain, plus noise.
        gain = torch.where(torch.minimum(var_sr, var_hr) < TINY, 0.0, both / (var_hr + TINY)).clamp_min(0)
        noise = (var_sr - gain * both).clamp_min(TINY)
        var_hr = torch.where(var_hr < TINY, 0.0, var_hr)
        kept = kept + torch.log1p(gain**2 * var_hr / (noise + NOISE)).sum((-2, -1))
        whole = whole + torch.log1p(var_hr / NOISE).sum((-2, -1))
    return torch.where(whole == 0, same.double(), kept / whole).mean(-1)


PLAIN = {"ms_ssim": ms_ssim, "vif": vif}


@cache
def load_measure(name: str, setting: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A measure as a function of SR and HR, values 0…255, of LPIPS and DISTS RGB; nothing is downloaded.

    Raises OptionError, saying what to do, if torchvision or the backbone's weights are missing.
    """
    if name in PLAIN:
        return PLAIN[name]
    backbone: Any = setting.partition(",")[0]
    needs = f"measures=[{name}]: needs"
    try:
        from torchmetrics.image.dists import DeepImageStructureAndTextureSimilarity
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import get_weight
    except (ImportError, RuntimeError, OSError) as error:  # torchvision of another torch raises any of them
        advice = "run: pip install 'aldsr[perceptual]'"
        raise OptionError(f"{needs} torchvision and torchmetrics from 1.7 ({error}); {advice}") from error
    url = get_weight(TORCHVISION_WEIGHTS[backbone]).url
    file = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    try:
        file.stat()  # torchvision would download what is missing
        if name == "dists":
            metric: Any = DeepImageStructureAndTextureSimilarity(sync_on_compute=False)
        else:
            metric = LearnedPerceptualImagePatchSimilarity(net_type=backbone, normalize=True, sync_on_compute=False)
    except Exception as error:
        raise OptionError(f"{needs} the weights in {file} ({error}); download them from {url}") from error

    def score(sr: Tensor, hr: Tensor) -> Tensor:
        pairs = zip(*(each.float().div(255).split(1) for each in (sr, hr)), strict=True)
        return torch.stack([metric.to(sr.device)(*pair).double() for pair in pairs])

    return score
