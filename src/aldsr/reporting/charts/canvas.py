"""Drawing to files with matplotlib, which is the extra `figures`, without a display."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200


class FigureError(UserError):
    """A figure that cannot be drawn or written."""


def drawn_files(output: Path, formats: Sequence[str]) -> list[Path]:
    """One file per format, whether or not `output` names one of them; the folder is there afterwards.

    Args:
        output: "fig", or "fig.png".
        formats: such as "png" and "pdf".

    Raises:
        FigureError: if matplotlib is missing, the name ends in something else, or the folder cannot be made.
    """
    if find_spec("matplotlib") is None:
        raise FigureError("figures need matplotlib, which is missing; install it with: pip install 'aldsr[figures]'")
    if output.suffix and output.suffix[1:].lower() not in formats:
        endings = " or ".join(f".{each}" for each in formats)
        raise FigureError(f"{output}: ends in '{output.suffix}', expected {endings} (both are written), or no ending")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FigureError(f"{output.parent}: cannot be made ({error.strerror}); choose another folder") from error
    return [output.with_suffix(f".{each}") for each in formats]


def canvas(*, width: float, height: float) -> "Figure":
    """An empty figure that belongs to no window.

    Args:
        width, height: in pixels of the PNG.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI)


def write(figure: "Figure", files: Sequence[Path]) -> None:
    """Write a figure, each file whole or not at all, without dates and chance: the same figure is the same file.

    Raises:
        FigureError: if a file cannot be written.
    """
    from matplotlib import rc_context

    dates = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    for file in files:
        try:
            with atomic_write(file) as temporary, rc_context({"svg.hashsalt": "aldsr"}):
                figure.savefig(temporary, format=file.suffix[1:], metadata=dates.get(file.suffix))
        except OSError as error:
            raise FigureError(f"{file}: cannot be written ({error.strerror}); choose another place") from error
