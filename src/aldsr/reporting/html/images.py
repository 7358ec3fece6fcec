"""Images of the page: which ones are worth a look, and a lossless window of each."""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from aldsr.analysis.variants import Variant
from aldsr.evaluation.views import View

Window = tuple[slice, slice]  # rows and columns


def select_images(variants: Sequence[Variant], set_name: str, number: int) -> list[str]:
    """Select the images of a set in which the networks differ most in PSNR, or a single network from bicubic.

    Of every variant the run with the lowest seed counts. At most `number` names, largest difference first.
    """
    runs = [each.first.results for each in variants if set_name in each.first.results["sets"]]
    scores = [run["sets"][set_name]["images"] for run in runs]
    if len(scores) == 1:
        scores.append(runs[0]["bicubic"][set_name]["images"])
    shared = [name for name in scores[0] if all(name in images for images in scores)]
    psnr = {name: [images[name]["psnr"] for images in scores] for name in shared}
    # Two that are equal do not differ, even if both are infinite, that is, equal to HR.
    spread = {name: max(values) - min(values) if len(set(values)) > 1 else 0.0 for name, values in psnr.items()}
    return sorted(shared, key=lambda name: -spread[name])[:number]


def describe_image(set_name: str, name: str, views: Sequence[View], window: Window) -> dict[str, Any]:
    """Describe an image as `assets/viewer.js` reads it: of every view (see `make_views`), the pixels in the window.

    Scores are of the whole image.
    """
    height, width = views[0].image.shape[-2:]
    rows, columns = ((part.stop - part.start) for part in window)
    cut = "" if (rows, columns) == (height, width) else f", of which {columns}×{rows} are shown"
    bicubic, versions = views[1], []
    for view in views:
        version = {"name": view.name, "src": encode_data_uri(view.image[:, *window])}
        if view.psnr is not None and bicubic.psnr is not None:  # HR has no scores
            version |= {"psnr": f"{view.psnr:.2f}".replace("inf", "∞"), "ssim": f"{view.ssim:.4f}"}
            if view is not bicubic and math.isfinite(gain := view.psnr - bicubic.psnr):
                version["gain"] = f"{gain:+z.2f}"
        versions.append(version)
    caption = f"{set_name}, {name}: {width}×{height} pixels{cut}"
    size = {"width": columns, "height": rows}
    return {"set": set_name, "name": name, "caption": caption, **size, "versions": versions}


def encode_data_uri(image: Tensor) -> str:
    """Encode an image, `Tensor[3, H, W]` uint8, as a data: URI of lossless WebP."""
    file = io.BytesIO()
    pixels = image.permute(1, 2, 0).contiguous().cpu().numpy()
    Image.fromarray(pixels).save(file, "WebP", lossless=True)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
