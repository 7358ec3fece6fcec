"""Why bicubic scores 28.42 dB / 0.8104 on Set5 x4 in some tables and 28.43 / 0.8113 in ours: one step at a time.

    python experiments/bicubic_baseline/bicubic_baseline.py SET… [--out results.json]

Each SET has HR/ inside. LR is made by MATLAB's bicubic, 4 pixels are shaved, a gray image counts by its value.
"""

import argparse
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from aldsr.core.version import code_version
from aldsr.data import find_pairs, is_gray, read_image, set_name
from aldsr.imaging import imresize, luma, psnr, ssim

SCALE = 4
Method = Callable[[Tensor, Callable[[Tensor], Tensor]], tuple[Tensor, Tensor]]


def clip_round(values: Tensor) -> Tensor:
    return values.add(0.5).floor().clamp(0, 255)


def resample(image: Tensor) -> Tensor:
    return imresize(imresize(image, Fraction(1, SCALE)), SCALE)


# HR (RGB, uint8) and the conversion to Y → Y of bicubic and of HR. The first method gives the results of
# `aldsr.evaluate model=bicubic`, except that that upscales in float.
METHODS: dict[str, Method] = {
    "RGB throughout, Y at the end, not rounded (this project)": lambda hr, y: (y(resample(hr)), y(hr)),
    "the same, Y rounded": lambda hr, y: (clip_round(y(resample(hr))), clip_round(y(hr))),
    "Y first, not rounded; no rounding at all": lambda hr, y: (resample(y(hr)), y(hr)),
    "Y first, rounded; the result rounded": lambda hr, y: (
        clip_round(resample(clip_round(y(hr)))),
        clip_round(y(hr)),
    ),
    "Y first, rounded; everything rounded": lambda hr, y: (
        resample(clip_round(y(hr)).to(torch.uint8)).double(),
        clip_round(y(hr)),
    ),
}
LITERATURE = {
    "Set5": (28.42, 0.8104),
    "Set14": (26.00, 0.7027),
    "B100": (25.96, 0.6675),
    "Urban100": (23.14, 0.6577),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    results: dict[str, dict[str, tuple[float, float]]] = {method: {} for method in METHODS}
    for folder in options.sets:
        scores: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
        for pair in track(find_pairs(folder, scale=SCALE), set_name(folder)):
            hr = torch.from_numpy(read_image(pair.hr).transpose(2, 0, 1).copy())[None]
            hr = hr[..., : hr.shape[-2] // SCALE * SCALE, : hr.shape[-1] // SCALE * SCALE]
            y = (lambda rgb: rgb[:, :1].double()) if is_gray(pair.hr) else luma
            for name, method in METHODS.items():
                a, b = (plane[..., SCALE:-SCALE, SCALE:-SCALE] for plane in method(hr, y))
                scores[name].append((psnr(a, b).item(), ssim(a, b).item()))
        for name, values in scores.items():
            results[name][set_name(folder)] = fmean(v[0] for v in values), fmean(v[1] for v in values)
    options.out.write_text(json.dumps({"version": code_version(), "found": results}, indent=2) + "\n")
    table = Table(title="Bicubic x4, PSNR-Y (dB) / SSIM-Y", title_justify="left")
    names = [set_name(folder) for folder in options.sets]
    for place, column in enumerate(("", *names)):
        table.add_column(column, justify="right" if place else "left")
    known = [LITERATURE.get(name) for name in names]
    table.add_row("literature", *(f"{each[0]:.2f} / {each[1]:.4f}" if each else "-" for each in known))
    for name, values in results.items():
        table.add_row(name, *(f"{values[each][0]:.4f} / {values[each][1]:.4f}" for each in names))
    Console().print(table)


if __name__ == "__main__":
    main()
