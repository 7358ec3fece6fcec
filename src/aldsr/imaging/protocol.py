"""How PSNR and SSIM are measured: the protocol of the literature, "y", and those of other codebases.

The same prediction scores differently in different codebases, by more than most papers gain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from torch import Tensor

from aldsr.imaging.luma import luma, luma_full_range
from aldsr.imaging.perceptual import LEAST_SIDES, MEASURES, PLAIN, SETTINGS, TITLES, load_measure
from aldsr.imaging.quality import WINDOW, crop_border, psnr, ssim

# The choices of each field, and how they are printed. Results hold the choices: rewording changes no comparison.
CHOICES: dict[str, dict[str, str]] = {
    "colour": {
        "y": "Y of YCbCr (BT.601, 16-235), from uint8 RGB, not rounded",
        "y_uint8": "Y of YCbCr (BT.601, 16-235), from uint8 RGB, rounded to whole numbers",
        "y_full_range": "Y of BT.601 in full range (0-255), from uint8 RGB, not rounded",
        "rgb": "uint8 RGB, all channels together",
    },
    "gray": {"replicated": "replicated to RGB", "direct": "replicated to RGB before the network"},
    "ssim_window": {"valid": "windows inside the image", "same": "a window for every pixel, mirrored at the border"},
    "psnr_mean": {"images": "mean over images", "pixels": "of the squared error pooled over all pixels of the set"},
}

Scores = dict[str, dict[str, dict[str, float]]]  # set → image → psnr (dB), ssim, further measures


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a prediction is compared with HR. The defaults are the literature's, and stand for fields missing in results.

    Args:
        colour: "y", "y_uint8", "y_full_range" or "rgb".
        gray: how an image is scored whose HR file is gray: "replicated", as RGB like every other image; "direct", by
            its gray value, as older scripts do.
        shave: pixels left out at each side; None: as many as the scale.
        ssim_window: "valid" or "same" (see `ssim`).
        psnr_mean: the PSNR of a set is the mean over its "images", or that of the error over all its "pixels".
        ms_ssim, vif, lpips, dists: the settings of further measures (see `perceptual.SETTINGS`); None: not measured.

    Raises ValueError for a choice that is not offered.
    """

    colour: Literal["y", "y_uint8", "y_full_range", "rgb"] = "y"
    gray: Literal["replicated", "direct"] = "replicated"
    shave: int | None = None
    ssim_window: Literal["valid", "same"] = "valid"
    psnr_mean: Literal["images", "pixels"] = "images"
    ms_ssim: str | None = None
    vif: str | None = None
    lpips: str | None = None
    dists: str | None = None

    def __post_init__(self) -> None:
        for field, choices in {**CHOICES, **SETTINGS}.items():
            if getattr(self, field) not in choices and (field in CHOICES or getattr(self, field) is not None):
                raise ValueError(f"{field}={getattr(self, field)}: expected one of {', '.join(choices)}")
        if self.shave is not None and (type(self.shave) is not int or self.shave < 0):
            raise ValueError(f"shave={self.shave}: expected a number of pixels from 0 up")

    @classmethod
    def from_fields(cls, recorded: Mapping[str, Any]) -> "Protocol":
        """The protocol of recorded fields (see `to_fields`), ignoring "name" and "scale".

        Raises ValueError for an unknown field or choice.
        """
        choices = {key: value for key, value in recorded.items() if key not in ("name", "scale")}
        if unknown := choices.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"{min(unknown)}={choices[min(unknown)]}: a protocol has no such field")
        return cls(**choices)

    def to_fields(self, scale: int) -> dict[str, Any]:
        """Every choice as plain data, with the scale, `shave` in pixels, and those of further measures it has."""
        choices = {"scale": scale, **asdict(self), "shave": self.margin(scale)}
        return {field: choice for field, choice in choices.items() if choice is not None}

    def describe(self, scale: int) -> str:
        """One line for people."""
        words = {field: choices[getattr(self, field)] for field, choices in CHOICES.items()}
        return (
            f"{words['colour']}; gray {words['gray']}; {self.margin(scale)} pixels shaved; "
            f"SR clipped and rounded half up to uint8 RGB; PSNR {words['psnr_mean']}; "
            f"SSIM Gaussian 11x11, sigma 1.5, K 0.01/0.03, L 255, {words['ssim_window']}, mean over images"
            + "".join(f"; {SETTINGS[name][setting]}" for name, setting in self.measures.items())
        )

    @property
    def measures(self) -> dict[str, str]:
        """The measures beside PSNR and SSIM, with their settings."""
        return {name: getattr(self, name) for name in SETTINGS if getattr(self, name) is not None}

    def margin(self, scale: int) -> int:
        """Pixels left out at each side of the HR image."""
        return scale if self.shave is None else self.shave

    def least_side(self, scale: int) -> tuple[int, str]:
        """The smallest side of an HR image that can be scored, and the measure that needs it."""
        side, name = max([(WINDOW, "SSIM"), *((LEAST_SIDES[each], TITLES[each].split()[0]) for each in self.measures)])
        return side + 2 * self.margin(scale), name

    def score(self, sr: Tensor, hr: Tensor, *, scale: int, gray: bool = False) -> dict[str, Tensor]:
        """PSNR (dB), SSIM and further measures by name, `Tensor[B]`, float64; `gray`: whether HR's file is gray.

        Images are `Tensor[B, 3, H, W]`, uint8. Raises ValueError if shapes or types do not fit, or too little is left
        after shaving.
        """
        a, b = self._values(sr, hr, scale, gray)
        found = {"psnr": psnr(a, b), "ssim": ssim(a, b, windows=self.ssim_window)}
        for name, setting in self.measures.items():
            values = self._values(sr, hr, scale, gray, rgb=name not in PLAIN)
            found[name] = load_measure(name, setting)(*values)
        return found

    def _values(self, sr: Tensor, hr: Tensor, scale: int, gray: bool, rgb: bool = False) -> tuple[Tensor, Tensor]:
        colour = "rgb" if rgb else "y_full_range" if gray and self.gray == "direct" else self.colour
        a, b = (planes(image, colour) for image in crop_border(sr, hr, self.margin(scale)))
        return a, b


def psnr_gain(scores: Mapping[str, float], reference: Mapping[str, float]) -> float:
    """How many dB above a reference; 0 where both equal HR, whose PSNR is infinite."""
    return 0.0 if scores["psnr"] == reference["psnr"] else scores["psnr"] - reference["psnr"]


def planes(rgb: Tensor, colour: str) -> Tensor:
    """The values that are compared: `Tensor[B, 3, H, W]`, uint8 → `Tensor[B, 1 or 3, H, W]`, float64, 0…255."""
    if colour == "rgb":
        return rgb.double()
    if colour == "y_full_range":
        return luma_full_range(rgb)
    return luma(rgb) if colour == "y" else luma(rgb).add(0.5).floor()


LITERATURE = Protocol()
# Name → protocol, and who measures like that.
_NAMED = {
    "y": (LITERATURE, "the super-resolution literature"),
    "gray_direct": (Protocol(gray="direct"), "older MATLAB scripts; differs for gray images only"),
    "y_uint8": (Protocol(colour="y_uint8"), "MATLAB's rgb2ycbcr of uint8 images"),
    "y_full_range": (Protocol(colour="y_full_range"), "OpenCV's and kornia's gray"),
    "rgb": (Protocol(colour="rgb"), "BasicSR unless test_y_channel is set"),
    "unshaved": (Protocol(shave=0), "BasicSR with crop_border: 0"),
    "padded_ssim": (Protocol(ssim_window="same"), "kornia's ssim by default"),
    "pooled": (Protocol(psnr_mean="pixels"), "torchmetrics' PeakSignalNoiseRatio over a set"),
}
PROTOCOLS = {name: protocol for name, (protocol, _) in _NAMED.items()}
USERS = {name: users for name, (_, users) in _NAMED.items()}


def select(
    name: str, *, gray: str | None = None, shave: int | None = None, measures: Sequence[str] = ()
) -> dict[str, Protocol]:
    """The protocol of a name, or all of them for "explain", by name; `gray` and `shave` replace theirs if given.

    Raises ValueError for a name, choice or one of `measures` (see `MEASURES`) that is not offered.
    """
    if name not in PROTOCOLS and name != "explain":
        raise ValueError(f"protocol={name}: no such protocol; there are: {', '.join(PROTOCOLS)}, and explain")
    given: dict[str, Any] = dict(MEASURES[each] for each in measures if each in MEASURES)
    if len(given) < len(set(measures)):
        raise ValueError(f"measures=[{','.join(measures)}]: expected some of {', '.join(MEASURES)}; of lpips one")
    given |= {key: value for key, value in (("gray", gray), ("shave", shave)) if value is not None}
    selected = PROTOCOLS if name == "explain" else {name: PROTOCOLS[name]}
    return {key: replace(protocol, **given) for key, protocol in selected.items()}
