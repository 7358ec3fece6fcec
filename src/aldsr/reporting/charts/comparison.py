"""The paper's Fig. 4, of any image: HR with a crop marked, beside it the crop as every network has it."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor, stack
from torch.nn import functional as F

from aldsr.evaluation.views import View
from aldsr.reporting.charts.figures import create_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PART, LEAST = 6, 48  # a crop is a sixth of the image's width and height, and at least so many HR pixels
STEP = 4  # HR pixels between the windows that are looked at

# In pixels of the PNG.
SIDE = 320  # the longer side of a crop, about: the enlargement is a whole number
CELL, NOTE = 280, 480  # least widths that captions get, of a crop and of the whole image
GAP, LINE, LETTER = 20, 28, 14
FONT = 8  # points
MARK = "#d62728"


class Crop(NamedTuple):
    """A window of an image, in HR pixels from its left upper corner."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: Tensor) -> Tensor:
        """`Tensor[3, H, W]` → `Tensor[3, height, width]`."""
        return image[:, self.y : self.y + self.height, self.x : self.x + self.width]


def telling_crop(versions: Sequence[View]) -> Crop:
    """The window, a sixth of the image's width and height, in which the networks' images differ most from HR.

    Args:
        versions: HR, bicubic, then the networks' (see `views`). What counts is the mean absolute difference.
    """
    hr = versions[0].image.float()
    error = stack([(version.image - hr).abs().mean(0) for version in versions[2:]]).mean(0)
    height, width = (min(size, max(size // PART, LEAST)) for size in error.shape)
    means = F.avg_pool2d(error[None], (height, width), stride=STEP)[0]
    top, left = np.unravel_index(int(means.argmax()), means.shape)
    return Crop(STEP * int(left), STEP * int(top), width, height)


class Layout(NamedTuple):
    """Where everything stands, in pixels from the left upper corner."""

    zoom: int  # of the crops
    columns: int
    rows: int
    lines: int  # of a crop's caption
    cell: int  # width of a crop's place
    crop: tuple[int, int]  # width and height of an enlarged crop
    side: int  # width of the whole image's place
    hr: tuple[int, int]  # width and height of the whole image

    @property
    def row(self) -> int:
        """Height of a crop with its caption."""
        return self.crop[1] + self.lines * LINE

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the figure."""
        width = self.side + self.columns * (self.cell + GAP) + 2 * GAP
        return width, self.rows * self.row + (self.rows + 1) * GAP

    def place(self, number: int) -> tuple[int, int]:
        """Left end and top of a crop's place."""
        row, column = divmod(number, self.columns)
        return 2 * GAP + self.side + column * (self.cell + GAP), GAP + row * (self.row + GAP)


def layout(versions: Sequence[View], crop: Crop) -> Layout:
    """Crops in two rows, or in one if there are no more than three; the whole image as high as they are together."""
    zoom = max(1, round(SIDE / max(crop.width, crop.height)))
    rows = 1 if len(versions) <= 3 else 2
    cell = max(CELL, zoom * crop.width)
    lines = 1 + max(len(_wrapped(version.name, cell)) for version in versions)
    height, width = versions[0].image.shape[-2:]
    # The whole image reaches down to the last row's captions, where its own stands.
    whole = rows * zoom * crop.height + (rows - 1) * (lines * LINE + GAP)
    hr = round(whole * width / height), whole
    return Layout(
        zoom=zoom,
        columns=math.ceil(len(versions) / rows),
        rows=rows,
        lines=lines,
        cell=cell,
        crop=(zoom * crop.width, zoom * crop.height),
        side=max(NOTE, hr[0]),
        hr=hr,
    )


def comparison_figure(versions: Sequence[View], crop: Crop, *, title: str) -> "Figure":
    """The figure; pixels of the crops are enlarged by a whole number, each a square of its one colour.

    Args:
        versions: HR, bicubic, then the networks' (see `views`).
        crop: what is shown of each, in HR pixels.
        title: what stands under the whole image.
    """
    plan = layout(versions, crop)
    figure = create_figure(width=plan.size[0], height=plan.size[1], constrained=False)
    hr = versions[0].image
    corner = GAP + (plan.side - plan.hr[0]) // 2, GAP
    axes = _picture(figure, hr, corner, plan.hr, interpolation="antialiased")
    x, y = np.array([0, 1, 1, 0, 0]) * crop.width, np.array([0, 0, 1, 1, 0]) * crop.height
    axes.plot(crop.x + x - 0.5, crop.y + y - 0.5, color=MARK, linewidth=1.5, clip_on=False)
    _caption(figure, [title, "PSNR and SSIM: of the whole image, on Y"], GAP + plan.side / 2, GAP + plan.hr[1])
    for number, (version, scores) in enumerate(zip(versions, marked_scores(versions), strict=True)):
        left, top = plan.place(number)
        margin = (plan.cell - plan.crop[0]) // 2
        enlarged = crop.of(version.image).repeat_interleave(plan.zoom, -1).repeat_interleave(plan.zoom, -2)
        _picture(figure, enlarged, (left + margin, top), plan.crop, interpolation="none")
        words = [*_wrapped(version.name, plan.cell), scores]
        _caption(figure, words, left + plan.cell / 2, top + plan.crop[1])
    return figure


def marked_scores(versions: Sequence[View]) -> list[str]:
    """ "28.43 / 0.8113" of each, the best figures, as printed, in bold; of HR what the figures are."""
    scores = [(f"{version.psnr:.2f}", f"{version.ssim:.4f}") for version in versions[1:]]
    best = tuple(max(column, key=float) for column in zip(*scores, strict=True))
    lines = []
    for pair in scores:
        marked = (rf"$\mathbf{{{own}}}$" if own == top else own for own, top in zip(pair, best, strict=True))
        lines.append(" / ".join(marked))
    return ["PSNR (dB) / SSIM", *lines]


def _picture(
    figure: "Figure", image: Tensor, corner: tuple[int, int], size: tuple[int, int], *, interpolation: str
) -> "Axes":
    """An image in a place, given in pixels."""
    width, height = (figure.get_size_inches() * figure.dpi).tolist()
    left, bottom = corner[0] / width, 1 - (corner[1] + size[1]) / height
    axes = figure.add_axes((left, bottom, size[0] / width, size[1] / height))
    axes.imshow(image.permute(1, 2, 0).cpu().numpy(), interpolation=interpolation, aspect="auto")
    axes.set_axis_off()
    return axes


def _caption(figure: "Figure", lines: Sequence[str], centre: float, top: float) -> None:
    width, height = (figure.get_size_inches() * figure.dpi).tolist()
    for number, line in enumerate(lines):
        middle = top + (number + 0.6) * LINE
        figure.text(centre / width, 1 - middle / height, line, ha="center", va="center", fontsize=FONT)


def _wrapped(name: str, width: int) -> list[str]:
    """A name in lines that fit into a width in pixels."""
    return textwrap.wrap(name, width // LETTER)
