"""Matplotlib figures without a display: create them, style them, and write them to files or into a page.

Matplotlib is the optional extra `figures`; it is imported only when a figure is created.
"""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write, check_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Figure = Any  # for the annotations of charts

DPI = 200
FONT = 8  # points
MARKERS = "osD^v<>Pp*Xh"
INSTALL = "install it with: pip install 'aldsr[figures]'"
METADATA = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}  # no dates: the same figure is the same file


class FigureError(UserError):
    """A figure that cannot be drawn, or not be written in this format."""


def has_matplotlib() -> bool:
    """Whether the extra `figures` is installed."""
    return find_spec("matplotlib") is not None


def prepare_output(output: Path, formats: Sequence[str]) -> list[Path]:
    """Return one file per format for "fig" or, of one of the formats, "fig.png".

    Raises FigureError if matplotlib is missing or the ending is another one, OptionError if they cannot be written.
    """
    if not has_matplotlib():
        raise FigureError(f"figures need matplotlib, which is missing; {INSTALL}")
    if output.suffix and output.suffix[1:].lower() not in formats:
        endings = " or ".join(f".{each}" for each in formats)
        raise FigureError(f"{output}: ends in '{output.suffix}', expected {endings} (both are written), or no ending")
    files = [output.with_suffix(f".{each}") for each in formats]
    for file in files:
        check_output(str(file), file)
    return files


def create_figure(*, width: float, height: float, constrained: bool = True) -> Figure:
    """Create a figure without a window, its size in pixels of the PNG; `constrained` makes room for labels."""
    from matplotlib import figure

    return figure.Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained" if constrained else None)


def style_axes(axes: Axes, *, grid: bool = False) -> None:
    """Small text, no frame above and on the right and, if asked for, a grid whose x starts at 0."""
    if grid:
        axes.set_xlim(left=0)  # half the cost is half as far to the right
        axes.grid(linewidth=0.3)
    axes.tick_params(which="both", labelsize=FONT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(FONT)
    axes.spines[["top", "right"]].set_visible(False)


def network_style(place: int) -> dict[str, Any]:
    """Colour and marker of a chart's n-th network; markers are hollow, since some lie on top of each other."""
    return {"color": f"C{place % 10}", "marker": MARKERS[place % len(MARKERS)], "markerfacecolor": "none"}


def save_figure(figure: Figure, files: Sequence[Path]) -> None:
    """Write a figure into each file, complete or not at all."""
    from matplotlib import rc_context

    for file in files:
        with atomic_write(file) as temporary, rc_context({"svg.hashsalt": "aldsr"}):
            figure.savefig(temporary, format=file.suffix[1:], metadata=METADATA.get(file.suffix))


def render_svg(figure: Figure) -> bytes:
    """Render a figure as an SVG document with a transparent background."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "aldsr"}):
        figure.savefig(file, format="svg", metadata=METADATA[".svg"], transparent=True)
    return file.getvalue()
