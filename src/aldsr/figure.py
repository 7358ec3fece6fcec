"""`python -m aldsr.figure RUN… -o fig.png`: the paper's Fig. 4 of any image.

On the left the HR image with a crop marked, on the right that crop of HR, bicubic and every network, enlarged pixel by
pixel; below each PSNR-Y and SSIM-Y of the whole image, the best in bold. RUN are run folders or study folders; of a
study one run of every variant is shown, the one with the lowest seed. LR is that of the runs if FILE is of their
sets, else what lies beside SET/HR as SET/LR_bicubic; otherwise it is made from HR as the runs made it. Without --crop,
the crop is the window, a sixth of the image's width and height, in which the networks differ most from HR.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aldsr.analysis.loading import read_variants
from aldsr.core.command import make_parser, plain_command
from aldsr.data import MADE, BenchmarkSet, Pair, describe_pairs, find_folders, find_pairs, set_name
from aldsr.data.folders import naming
from aldsr.evaluation.results import ResultsError, check_scorable
from aldsr.evaluation.views import load_run, make_views, measured_places
from aldsr.imaging import LITERATURE, Degradation
from aldsr.reporting.charts.comparison import Crop, draw_comparison, find_crop
from aldsr.reporting.charts.figures import FigureError, prepare_output, save_figure


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Read the runs, upscale the image with their networks, and draw the figure."""
    options = parse_options(argv)
    files = prepare_output(options.output, ("png", "pdf"))
    study, variants = read_variants(options.runs, allow_unequal_budgets=options.allow_unequal_budgets)
    runs = [each.first for each in variants]
    places = [place for run in runs for place in measured_places(run.config, run.results).values()]
    file = (options.image or find_paper_image(places, options.scale)).expanduser()
    image = load_image(file, options.scale, places, runs[0].config["data"].get("degradation"))
    check_scorable([image], {"y": LITERATURE}, options.scale)
    height, width = image[0].hr.shape[-2:]
    if (crop := options.crop) and (crop.x + crop.width > width or crop.y + crop.height > height):
        beyond = f"reaches beyond the image of {width}x{height} pixels; choose a window inside it"
        raise FigureError(f"--crop {','.join(map(str, crop))}: {beyond}")
    networks = {each.name: load_run(*each.first, allow_code=options.allow_code) for each in variants}
    with Console(emoji=False).status(f"Upscaling {file.name} with {len(networks)} networks"):
        versions = make_views(image[0], networks, scale=options.scale, protocol=LITERATURE)
    crop = crop or find_crop(versions)
    save_figure(draw_comparison(versions, crop, title=f"{image.name}, x{options.scale}"), files)
    lines = [
        f"image     {file}, {width}x{height}, LR {describe_pairs(image.pairs)}",
        f"crop      {','.join(map(str, crop))}{'' if options.crop else ', where the networks differ most from HR'}",
        *(f"left out  {name}: has not finished" for name in study.unfinished),
        f"written   {', '.join(map(str, files))}",
    ]
    print(*lines, sep="\n")


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("figure", __doc__, networks=True)
    add = parser.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders, or study folders")
    add("-o", "--output", type=Path, required=True, metavar="OUT", help="OUT.png and OUT.pdf are written")
    add("--image", type=Path, metavar="FILE", help="HR (default: Urban100's img_076, from data.eval_dirs)")
    add("--crop", type=parse_crop, metavar="X,Y,W,H", help="left, top, width and height in HR pixels")
    add("--scale", type=int, default=4, choices=(2, 3, 4), help="(default 4)")
    add("--allow-unequal-budgets", action="store_true", help="of a study, as in aldsr.compare")
    return parser.parse_args(argv)


def parse_crop(text: str) -> Crop:
    """Parse "X,Y,W,H"."""
    if not re.fullmatch(r"\d+,\d+,[1-9]\d*,[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"'{text}': expected X,Y,W,H, four whole numbers such as 120,80,160,120")
    return Crop(*map(int, text.split(",")))


def find_paper_image(places: Sequence[tuple[str, str | None]], scale: int) -> Path:
    """Find the image of the paper's Fig. 4 where the runs were measured. Raises ResultsError if it is not there."""
    name, stems = "Urban100", ("img_076", "img076")
    with naming("data.eval_dirs of the runs"):
        folders = [find_folders(folder, scale, MADE).hr for folder, _ in places]
    files = [file for folder in folders if set_name(folder) == name for file in sorted(folder.glob("*"))]
    if found := [file for file in files if file.stem in stems]:
        return found[0]
    raise ResultsError(
        f"--image: not given, and the paper's image, {stems[0]} of {name}, is in none of the folders that the runs "
        "were measured on (data.eval_dirs); give --image FILE"
    )


def load_image(
    file: Path, scale: int, places: Sequence[tuple[str, str | None]] = (), options: Mapping[str, Any] | None = None
) -> BenchmarkSet:
    """Load HR and LR, from the runs' `places` or beside it, as a named set of one image; DataError if they misfit.

    `options` are those of the degradation that makes LR where there is none.
    """
    degradation, hr = Degradation.from_options(options), file.parent
    track = degradation.text
    with naming("data.eval_dirs of the runs"):
        lr = next((lr for place, lr in places if find_folders(place, scale, MADE).hr.resolve() == hr.resolve()), None)
    with naming("--image"):
        pairs = find_pairs(hr, scale=scale, lr=lr, track=track) if find_folders(hr, scale, lr, track).lr else []
    pair = next((each for each in pairs if each.hr == file), Pair(file.stem, file, None, track))
    name = f"{set_name(hr)}, {pair.name}" if hr.name == "HR" or hr.name.endswith("_HR") else pair.name
    return BenchmarkSet.load(name, [pair], scale=scale, degradation=degradation)


if __name__ == "__main__":
    main()
