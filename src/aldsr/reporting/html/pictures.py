"""Pictures of the page: which are worth a look, and a window of each, without loss."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from aldsr.analysis.variants import Variant
from aldsr.evaluation.views import View
from aldsr.reporting.html.tables import signed

Window = tuple[slice, slice]  # rows and columns


def telling(found: Sequence[Variant], set_name: str, number: int) -> list[str]:
    """The images of a set in which the networks differ most in PSNR; of a single network, those in which it differs
    most from bicubic.

    Args:
        found: variants, of which the first runs count: those with the lowest seeds.
        set_name: of a set.
        number: of images, at most.

    Returns:
        Their names, those with the largest differences first.
    """
    runs = [each.first.results for each in found if set_name in each.first.results["sets"]]
    scores = [run["sets"][set_name]["images"] for run in runs]
    if len(scores) == 1:
        scores.append(runs[0]["bicubic"][set_name]["images"])
    shared = [name for name in scores[0] if all(name in images for images in scores)]
    apart = {name: _range([images[name]["psnr"] for images in scores]) for name in shared}
    return sorted(shared, key=lambda name: -apart[name])[:number]


def picture(set_name: str, name: str, shown: Sequence[View], window: Window) -> dict[str, Any]:
    """A picture as `assets/viewer.js` reads it: every version's name, pixels in the window, and scores in words.

    Args:
        set_name, name: of the image.
        shown: HR, bicubic, and the networks' (see `aldsr.evaluation.views`).
        window: rows and columns that are shown; the scores are of the whole image.
    """
    height, width = shown[0].image.shape[-2:]
    rows, columns = ((part.stop - part.start) for part in window)
    cut = "" if (rows, columns) == (height, width) else f", of which {columns}×{rows} are shown"
    return {
        "set": set_name,
        "name": name,
        "about": f"{set_name}, {name}: {width}×{height} pixels{cut}",
        "width": columns,
        "height": rows,
        "versions": [
            {
                "name": each.name,
                "src": data_uri(each.image[:, *window]),
                "psnr": _words(each.psnr, ".2f"),
                "ssim": _words(each.ssim, ".4f"),
                "gain": _gain(each, shown[1]),
            }
            for each in shown
        ],
    }


def data_uri(image: Tensor) -> str:
    """An image, `Tensor[3, H, W]` uint8, as a data: URI of lossless WebP."""
    file = io.BytesIO()
    pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()
    Image.fromarray(pixels).save(file, "WebP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _range(values: Sequence[float]) -> float:
    """Largest less smallest; of infinite values, which are equal to HR, 0 if all are."""
    low, high = min(values), max(values)
    return 0.0 if low == high else high - low


def _words(value: float | None, form: str) -> str | None:
    return None if value is None else "∞" if math.isinf(value) else f"{value:{form}}"


def _gain(view: View, bicubic: View) -> str | None:
    if view is bicubic or view.psnr is None or bicubic.psnr is None or not math.isfinite(view.psnr - bicubic.psnr):
        return None
    return signed(view.psnr - bicubic.psnr)
