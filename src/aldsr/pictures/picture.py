"""A decoded picture file: samples of 8 or 16 bits, gray or colour, with alpha and colour profile."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8 | np.uint16]


class Picture(NamedTuple):
    """A picture, decoded and upright.

    Attributes:
        colour: (H, W, 1) gray or (H, W, 3) RGB; uint8 or uint16, of full range.
        alpha: (H, W, 1), of the type of `colour`, not premultiplied; None: opaque.
        icc: the colour profile; None: sRGB, by convention.
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


class Layout(NamedTuple):
    """Size, channels and bit depth of a picture file that is to be written.

    Attributes:
        channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
        bits: of a sample, 8 or 16.
    """

    width: int
    height: int
    channels: int
    bits: int
    icc: bytes | None  # colour profile

    @property
    def alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.channels in (2, 4)


def upscaled_layout(picture: Picture, scale: int) -> Layout:
    """The layout of a picture that is upscaled by `scale`."""
    width, height = picture.size
    channels = picture.colour.shape[-1] + (picture.alpha is not None)
    return Layout(scale * width, scale * height, channels, 8 * picture.colour.dtype.itemsize, picture.icc)
