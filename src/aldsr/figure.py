"""`python -m aldsr.figure RUN… -o fig.png`: an image as HR, bicubic and networks have it (the paper's Fig. 4).

Left the HR image with a crop marked, right that crop of every version, enlarged pixel by pixel, under each PSNR-Y and
SSIM-Y of the whole image, the best in bold. RUN are folders of runs, or studies' folders: then one run of every
variant is shown, the one with the lowest seed. LR is the image's own if FILE lies in SET/HR beside SET/LR_bicubic, else
it is made by MATLAB's bicubic. The crop that is chosen by itself, a sixth of the image's width and height, is where the
networks' images differ most from HR.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from aldsr.analysis.comparison import read_comparison
from aldsr.analysis.variants import Variant
from aldsr.core.command import plain_command
from aldsr.data import BenchmarkSet, Pair, cache_pairs, find_pairs, is_gray, set_name
from aldsr.data.cache import cache_dir
from aldsr.data.pairs import locate
from aldsr.evaluation.results import ResultsError
from aldsr.evaluation.views import network_of, views
from aldsr.imaging import LITERATURE
from aldsr.nn.description import TRUSTED
from aldsr.reporting.charts.comparison import Crop, draw_comparison, find_crop
from aldsr.reporting.charts.figures import FigureError, prepare_output, save_figure

PAPER = "Urban100", ("img_076", "img076")  # the image of the paper's Fig. 4: its set, and what the file is called


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Draw the figure, and say what it shows and where it is."""
    draw(parsed(argv))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m aldsr.figure", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders, or studies' folders")
    parser.add_argument(
        *("-o", "--output"), type=Path, required=True, metavar="OUT", help="OUT.png and OUT.pdf are written"
    )
    parser.add_argument(
        "--image",
        type=Path,
        metavar="FILE",
        help="HR (default: the paper's, Urban100's img_076, from data.eval_dirs)",
    )
    parser.add_argument("--crop", type=crop, metavar="X,Y,W,H", help="left end, top, width, height in HR pixels")
    parser.add_argument("--scale", type=int, default=4, choices=(2, 3, 4), help="(default 4)")
    parser.add_argument("--allow-code", action="append", default=[], metavar="PACKAGE", help="of a block of your own")
    parser.add_argument("--allow-unequal-budgets", action="store_true", help="of a study (see aldsr.compare)")
    return parser.parse_args(argv)


def crop(text: str) -> Crop:
    """What --crop says."""
    if not re.fullmatch(r"\d+,\d+,[1-9]\d*,[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"'{text}': expected X,Y,W,H, four whole numbers such as 120,80,160,120")
    return Crop(*map(int, text.split(",")))


def draw(options: argparse.Namespace) -> None:
    """From the command line to the files.

    Raises:
        DataError, NetworkError, ResultsError, FigureError: for what cannot be read, shown or written.
    """
    files, console = prepare_output(options.output, ("png", "pdf")), Console(emoji=False)
    study, found = read_comparison(options.runs, allow_unequal_budgets=options.allow_unequal_budgets)
    file = (options.image or papers_image(found, options.scale)).expanduser()
    image = image_of(file, options.scale)
    size = image[0].hr.shape[-1], image[0].hr.shape[-2]
    if options.crop:
        check_crop(options.crop, *size)
    networks = {each.name: network_of(each.first.folder, trusted=(*TRUSTED, *options.allow_code)) for each in found}
    with console.status(f"Upscaling {file.name} with {len(networks)} networks"):
        versions = views(image[0], networks, scale=options.scale, protocol=LITERATURE)
    chosen = options.crop or find_crop(versions)
    save_figure(draw_comparison(versions, chosen, title=f"{image.name}, x{options.scale}"), files)
    lines = [
        f"image     {file}, {size[0]}x{size[1]}, LR {image.lr_source}",
        f"crop      {','.join(map(str, chosen))}{'' if options.crop else ', where networks and HR differ most'}",
        *(f"left out  {name}: has not finished" for name in study.unfinished),
        f"written   {', '.join(map(str, files))}",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def papers_image(found: Sequence[Variant], scale: int) -> Path:
    """The image of the paper's Fig. 4, in the sets that the runs were measured on.

    Raises:
        ResultsError: if no run was measured on it, or it is there no longer.
    """
    name, stems = PAPER
    for variant in found:
        for folder in variant.first.config["data"].get("eval_dirs") or []:
            hr, _ = locate(Path(folder).expanduser(), scale)
            if set_name(hr) == name and hr.is_dir():
                for file in sorted(hr.iterdir()):
                    if file.stem in stems:
                        return file
    raise ResultsError(
        f"no image named, and {name}'s {stems[0]}, the paper's, is in none of the folders that the runs were measured "
        "on (data.eval_dirs); give --image FILE"
    )


def image_of(file: Path, scale: int) -> BenchmarkSet:
    """An HR file as a set of one image, named for the figure.

    Raises:
        DataError: if it cannot be read, or its LR image is missing or does not fit.
    """
    hr, lr = locate(file.parent, scale)
    pair = Pair(file.stem, file, None)
    if lr is not None:
        pair = next((each for each in find_pairs(hr, scale=scale) if each.hr == file), pair)
    name = f"{set_name(hr)}, {pair.name}" if hr.name == "HR" or hr.name.endswith("_HR") else pair.name
    cached = cache_pairs([pair], scale=scale, folder=cache_dir() / "images")
    return BenchmarkSet(name, cached, [pair.name] if is_gray(file) else [])


def check_crop(crop: Crop, width: int, height: int) -> None:
    """Hold a crop against the image.

    Raises:
        FigureError: if it reaches beyond.
    """
    if crop.x + crop.width > width or crop.y + crop.height > height:
        raise FigureError(
            f"--crop {','.join(map(str, crop))}: reaches to {crop.x + crop.width},{crop.y + crop.height}, beyond the "
            f"image, which is {width}x{height} pixels; choose a window inside it"
        )


if __name__ == "__main__":
    main()
