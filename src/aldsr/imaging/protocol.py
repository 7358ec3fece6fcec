"""What a score depends on besides the two images, as data: the literature's protocol and others' habits.

The same prediction scores differently in different codebases, by more than most papers gain. A `Protocol`
names each choice; `PROTOCOLS` holds the literature's, "y", and each habit that is met most often, as the one
thing in which it differs.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from torch import Tensor

from aldsr.imaging.luma import luma, luma_full_range
from aldsr.imaging.quality import psnr, shaved, ssim

COLOURS = {
    "y": "Y of YCbCr (BT.601, 16-235), from uint8 RGB, not rounded",
    "y_uint8": "Y of YCbCr (BT.601, 16-235), from uint8 RGB, rounded to whole numbers",
    "y_full_range": "Y of BT.601 in full range (0-255), from uint8 RGB, not rounded",
    "rgb": "uint8 RGB, all channels together",
}
GRAY = {
    "replicated": "replicated to RGB, before the network and in scoring",
    "direct": "replicated to RGB before the network, scored by its value (0-255)",
}
WINDOWS = {"valid": "windows inside the image", "same": "a window for every pixel, mirrored at the border"}
MEANS = {"images": "mean over images", "pixels": "of the squared error pooled over all pixels of the set"}


class Score(NamedTuple):
    """Of each image of a batch, float64."""

    psnr: Tensor
    ssim: Tensor


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a prediction is compared with HR. The defaults are the super-resolution literature's.

    Args:
        colour: "y", "y_uint8", "y_full_range" or "rgb".
        gray: how an image counts whose HR file is gray: "replicated", as the RGB image that it was made
            into; "direct", by its own value, as older scripts have it.
        shave: pixels left out at each side; None: as many as the scale.
        windows: of SSIM, "valid" or "same" (see `ssim`).
        mean: what a set's PSNR is, a mean over "images" or over all "pixels".

    Raises:
        ValueError: for a choice that is not offered.
    """

    colour: Literal["y", "y_uint8", "y_full_range", "rgb"] = "y"
    gray: Literal["replicated", "direct"] = "replicated"
    shave: int | None = None
    windows: Literal["valid", "same"] = "valid"
    mean: Literal["images", "pixels"] = "images"

    def __post_init__(self) -> None:
        for option, offered in (("colour", COLOURS), ("gray", GRAY), ("windows", WINDOWS), ("mean", MEANS)):
            if getattr(self, option) not in offered:
                raise ValueError(f"{option}={getattr(self, option)}: expected one of {', '.join(offered)}")
        if self.shave is not None and (type(self.shave) is not int or self.shave < 0):
            raise ValueError(f"shave={self.shave}: expected a number of pixels from 0 up")

    def margin(self, scale: int) -> int:
        """Pixels left out at each side."""
        return scale if self.shave is None else self.shave

    def score(self, sr: Tensor, hr: Tensor, *, scale: int, gray: bool = False) -> Score:
        """PSNR (dB) and SSIM of each image.

        Args:
            sr, hr: `Tensor[B, 3, H, W]`, uint8.
            scale: HR pixels per LR pixel.
            gray: whether the HR file is a gray image.

        Raises:
            ValueError: if shapes or types do not fit, or too little is left after shaving.
        """
        by_value = gray and self.gray == "direct"
        a, b = (
            planes(image, "y_full_range" if by_value else self.colour) for image in shaved(sr, hr, self.margin(scale))
        )
        return Score(psnr(a, b), ssim(a, b, windows=self.windows))

    def described(self, scale: int) -> dict[str, Any]:
        """Every choice in words that stand beside a number."""
        return {
            "scale": scale,
            "colour": COLOURS[self.colour],
            "gray": GRAY[self.gray],
            "shave": self.margin(scale),
            "rounding": "SR clipped and rounded half up to uint8 RGB",
            "psnr": f"10 log10(255^2 / MSE), {MEANS[self.mean]}",
            "ssim": f"Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, {WINDOWS[self.windows]}, mean over images",
        }


def planes(rgb: Tensor, colour: str) -> Tensor:
    """What PSNR and SSIM compare: `Tensor[B, 3, H, W]`, uint8 → `Tensor[B, 1 or 3, H, W]`, float64, 0…255."""
    if colour == "rgb":
        return rgb.double()
    if colour == "y_full_range":
        return luma_full_range(rgb)
    return luma(rgb) if colour == "y" else luma(rgb).add(0.5).floor()


LITERATURE = Protocol()
PROTOCOLS = {
    "y": LITERATURE,
    "gray_direct": replace(LITERATURE, gray="direct"),
    "y_uint8": replace(LITERATURE, colour="y_uint8"),
    "y_full_range": replace(LITERATURE, colour="y_full_range"),
    "rgb": replace(LITERATURE, colour="rgb"),
    "unshaved": replace(LITERATURE, shave=0),
    "padded_ssim": replace(LITERATURE, windows="same"),
    "pooled": replace(LITERATURE, mean="pixels"),
}
WHOSE = {
    "y": "the super-resolution literature",
    "gray_direct": "older MATLAB scripts; differs for gray images only",
    "y_uint8": "MATLAB's rgb2ycbcr of uint8 images",
    "y_full_range": "OpenCV's and kornia's gray",
    "rgb": "BasicSR unless test_y_channel is set",
    "unshaved": "BasicSR with crop_border: 0",
    "padded_ssim": "kornia's ssim by default",
    "pooled": "torchmetrics' PeakSignalNoiseRatio over a set",
}


def select(name: str, *, gray: str | None = None, shave: int | None = None) -> dict[str, Protocol]:
    """The protocol of a name, or all of them for "explain", by name.

    Args:
        name: one of `PROTOCOLS`, or "explain".
        gray, shave: replace its own, if given.

    Raises:
        ValueError: for a name or choice that is not offered.
    """
    if name not in PROTOCOLS and name != "explain":
        raise ValueError(f"protocol={name}: no such protocol; there are: {', '.join(PROTOCOLS)}, and explain")
    given = {option: value for option, value in (("gray", gray), ("shave", shave)) if value is not None}
    chosen = PROTOCOLS if name == "explain" else {name: PROTOCOLS[name]}
    return {key: replace(protocol, **given) for key, protocol in chosen.items()}  # type: ignore[arg-type]
