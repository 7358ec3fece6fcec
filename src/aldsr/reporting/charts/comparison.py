"""The paper's Fig. 4 of any image: HR with a crop marked, and beside it that crop of every version."""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor, stack
from torch.nn import functional as F

from aldsr.evaluation.views import View
from aldsr.reporting.charts.figures import FONT, Axes, Figure, create_figure

PART, LEAST_CROP = 6, 48  # a crop is a sixth of the image's width and height, and at least this many HR pixels
STEP = 4  # HR pixels between the windows that are tried
# In pixels of the PNG:
CROP = 320  # about the longer side of an enlarged crop
CELL, SIDE = 280, 480  # least widths of the captions of a crop and of the whole image
GAP, LINE, LETTER = 20, 28, 14


class Crop(NamedTuple):
    """A window of an image, in HR pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, image: Tensor) -> Tensor:
        """`Tensor[3, H, W]` → `Tensor[3, height, width]`."""
        return image[:, self.y : self.y + self.height, self.x : self.x + self.width]


def find_crop(versions: Sequence[View]) -> Crop:
    """Find the window of an image's versions (see `make_views`) in which the networks' mean error is largest."""
    hr = versions[0].image.float()
    error = stack([(version.image - hr).abs().mean(0) for version in versions[2:]]).mean(0)
    height, width = (min(size, max(size // PART, LEAST_CROP)) for size in error.shape)
    means = F.avg_pool2d(error[None], (height, width), stride=STEP)[0]
    top, left = np.unravel_index(int(means.argmax()), means.shape)
    return Crop(STEP * int(left), STEP * int(top), width, height)


def draw_comparison(versions: Sequence[View], crop: Crop, *, title: str) -> Figure:
    """Draw the whole image on the left and the crops on the right, up to three in one row, more in two.

    Crops are enlarged by a whole number: every pixel is a square of one colour. `versions`: see `make_views`.
    """
    zoom = max(1, round(CROP / max(crop.width, crop.height)))
    width, height = zoom * crop.width, zoom * crop.height
    rows = 1 if len(versions) <= 3 else 2
    columns = math.ceil(len(versions) / rows)
    cell = max(CELL, width)
    names = [textwrap.wrap(version.name, cell // LETTER) for version in versions]
    caption = LINE * (1 + max(map(len, names)))
    hr = versions[0].image
    hr_height = rows * height + (rows - 1) * (caption + GAP)  # down to the captions of the last row
    hr_width = round(hr_height * hr.shape[-1] / hr.shape[-2])
    side = max(SIDE, hr_width)
    size = side + columns * (cell + GAP) + 2 * GAP, rows * (height + caption + GAP) + GAP
    figure = create_figure(width=size[0], height=size[1], constrained=False)
    lines = [title, "PSNR and SSIM: of the whole image, on Y"]
    axes = _show(figure, hr, lines, (GAP + (side - hr_width) // 2, GAP, hr_width, hr_height), "antialiased")
    x, y = crop.x - 0.5, crop.y - 0.5
    outline = [x, x + crop.width, x + crop.width, x, x], [y, y, y + crop.height, y + crop.height, y]
    axes.plot(*outline, color="#d62728", linewidth=1.5, clip_on=False)
    for number, (version, name, scores) in enumerate(zip(versions, names, format_scores(versions), strict=True)):
        row, column = divmod(number, columns)
        left = 2 * GAP + side + column * (cell + GAP) + (cell - width) // 2
        box = left, GAP + row * (height + caption + GAP), width, height
        enlarged = crop.cut(version.image).repeat_interleave(zoom, -1).repeat_interleave(zoom, -2)
        _show(figure, enlarged, [*name, scores], box, "none")
    return figure


def format_scores(versions: Sequence[View]) -> list[str]:
    """Format "28.43 / 0.8113" of each version, the best values, as printed, in bold; for HR the names of the scores."""
    scores = [(f"{version.psnr:.2f}", f"{version.ssim:.4f}") for version in versions[1:]]
    best = tuple(max(column, key=float) for column in zip(*scores, strict=True))
    lines = []
    for pair in scores:
        marked = (rf"$\mathbf{{{own}}}$" if own == top else own for own, top in zip(pair, best, strict=True))
        lines.append(" / ".join(marked))
    return ["PSNR (dB) / SSIM", *lines]


def _show(figure: Figure, image: Tensor, lines: list[str], box: tuple[int, ...], interpolation: str) -> Axes:
    """Show an image in a box (left, top, width, height) given in pixels, and lines of text below it."""
    left, top, width, height = box
    across, down = (figure.get_size_inches() * figure.dpi).tolist()
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation=interpolation, aspect="auto")
    axes.set_axis_off()
    for number, line in enumerate(lines, 1):
        middle = top + height + (number - 0.4) * LINE
        figure.text((left + width / 2) / across, 1 - middle / down, line, ha="center", va="center", fontsize=FONT)
    return axes
