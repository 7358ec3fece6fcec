"""A picture as a file holds it: samples of 8 or 16 bits, gray or colour, alpha and colour profile beside them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8 | np.uint16]
SPACES = {1: b"GRAY", 3: b"RGB "}  # channels → colour space as an ICC profile names it


class Picture(NamedTuple):
    """Upright, decoded.

    Attributes:
        colour: (H, W, 1) gray or (H, W, 3) RGB; uint8 or uint16, over its whole range.
        alpha: (H, W, 1), of the type of `colour`, not multiplied into it; None: opaque.
        icc: the profile that says which colours the samples stand for; None: sRGB, by convention.
        format: of the file, as Pillow names it: "PNG", "JPEG", …
    """

    colour: Samples
    alpha: Samples | None
    icc: bytes | None
    format: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self.colour.shape[:2]
        return width, height


class Form(NamedTuple):
    """What a picture is to be like in a file, before there are pixels.

    Attributes:
        width, height: in pixels.
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        bits: of a sample, 8 or 16.
        icc: colour profile.
    """

    width: int
    height: int
    channels: int
    bits: int
    icc: bytes | None

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)

    @property
    def mode(self) -> str:
        """Pillow's name for 8 bits of it."""
        return ("L", "LA", "RGB", "RGBA")[self.channels - 1]


def form_of(picture: Picture, scale: int) -> Form:
    """The form of a picture that is upscaled by `scale`."""
    width, height = picture.size
    channels = picture.colour.shape[-1] + (picture.alpha is not None)
    return Form(scale * width, scale * height, channels, 8 * picture.colour.dtype.itemsize, picture.icc)


def fitting(icc: bytes | None, channels: int) -> bytes | None:
    """The profile, if it is one for gray (1 channel) or RGB (3): what was CMYK has its own no longer."""
    return icc if icc and icc[16:20] == SPACES[channels] else None
