"""`python -m aldsr.upscale INPUT… -o OUT`: upscale pictures with a trained network.

INPUT are PNG, JPEG, WebP, TIFF, BMP or other picture files, folders of them, or patterns such as 'scans/*.png'. In a
folder that holds results already (NAME_x4 beside NAME), these are not upscaled again. Gray
stays gray, 16 bits stay 16 in PNG and TIFF, transparency and the colour profile are kept, EXIF orientation is applied;
other EXIF is left out. Large pictures are processed in tiles and written in bands. Exit status: 0 done, 1 some pictures
failed (each in one line; the rest is done), 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import torch
from rich import progress as bars
from rich.console import Console
from rich.markup import escape
from torch import Tensor

from aldsr import pictures
from aldsr.core.command import make_parser, plain_command
from aldsr.core.device import PRECISIONS, select_device
from aldsr.core.errors import OptionError, list_names
from aldsr.core.files import check_room
from aldsr.core.memory import is_out_of_memory
from aldsr.data import DataError
from aldsr.data.folders import is_folder
from aldsr.evaluation.inference import GLOBAL, Inference, has_global_statistics
from aldsr.imaging import OVERLAP
from aldsr.nn import fold
from aldsr.nn.kernels.choice import KERNELS, use_kernels
from aldsr.nn.pretrained import PACKAGED_SCALES, choose_weights
from aldsr.nn.weights import load_network

TILE = 256  # LR pixels a side; what --tile auto means


@plain_command(interrupted="the pictures that were finished are kept; run the command again to go on")
def main(argv: Sequence[str] | None = None) -> None:
    """Load the network, choose the files of the results, and upscale picture by picture."""
    options = parse_options(argv)
    options.device = select_device(options.device)
    weights = choose_weights(options.weights, options.scale, options.allow_code)
    network, _ = load_network(weights, options.allow_code)
    use_kernels(options.kernels, network=network, on_gpu=options.device.type == "cuda", option="--kernels ")
    # Tiles are cut where bands are made.
    inference = Inference(fold(network), self_ensemble=options.self_ensemble, precision=options.precision).eval()
    inference.to(options.device)
    suffix = f"_x{inference.scale}" if options.suffix is None else options.suffix
    found, output = pictures.find_pictures(options.inputs, recursive=options.recursive), options.output.expanduser()
    jobs = pictures.plan_jobs(found.pictures, output, format=options.format, suffix=suffix)
    refuse_unused(options, to_file=jobs[0].target == output)
    check_room(f"-o {output}", output if len(jobs) > 1 or output.is_dir() else jobs[0].target.parent)
    print_left_out(found)
    if options.tile and has_global_statistics(inference):
        print(f"tiles of {options.tile} pixels: {GLOBAL}; without them: --tile 0")
    sys.exit(upscale_all(jobs, inference, options))


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser("upscale", __doc__, networks=True)
    option = parser.add_argument
    option("inputs", nargs="+", metavar="INPUT", help="pictures, folders of pictures, or patterns")
    target = "a folder; or, of a single picture, a file"
    option("-o", "--output", type=Path, required=True, metavar="OUT", help=target)
    option("--recursive", action="store_true", help="search folders within folders too, and make the same ones in OUT")
    option("--weights", metavar="FILE", help="weights file or checkpoint (default: those of the package)")
    option("--scale", type=int, choices=PACKAGED_SCALES, help="of the package's weights (default 4)")
    option("--format", choices=pictures.PICTURE_FORMATS, default="keep", help="of the results (default keep, else PNG)")
    option("--suffix", metavar="TEXT", help="added to names in a folder (default _x4, for a network of scale 4)")
    option("--overwrite", action="store_true", help="replace results that exist (default: skip them)")
    sides = f"largest side of a tile in LR pixels (auto: {TILE}); 0: no tiles, whose results may differ (RCAN, IMDN)"
    option("--tile", type=tile_side, default=TILE, metavar="auto|N|0", help=sides)
    option("--self-ensemble", action="store_true", help="average over eight orientations: 8 x the time")
    option("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default auto)")
    option("--precision", choices=tuple(PRECISIONS), default="32-true", help="(default 32-true)")
    option("--kernels", choices=KERNELS, default="torch", help="of RDBs on an NVIDIA GPU (default torch)")
    limit = f"refuse larger inputs (default {pictures.MAX_PIXELS:,})"
    option("--max-pixels", type=int, default=pictures.MAX_PIXELS, metavar="N", help=limit)
    return parser.parse_args(argv)


def refuse_unused(options: argparse.Namespace, *, to_file: bool) -> None:
    """Raise OptionError for an option that would do nothing."""
    if options.suffix is not None and to_file:
        raise OptionError(f"--suffix {options.suffix}: is for names in a folder, and -o names a file; leave one out")
    if options.recursive and not any(is_folder(Path(each).expanduser()) for each in options.inputs):
        raise OptionError("--recursive: none of the inputs is a folder; leave it out")


def tile_side(text: str) -> int | None:
    """The type of --tile: a side in LR pixels, or None for no tiles."""
    if text == "auto":
        return TILE
    if not text.isdecimal() or 0 < int(text) <= 2 * OVERLAP:
        expected = f"auto, more than {2 * OVERLAP} LR pixels (the overlaps), or 0 for no tiles"
        raise argparse.ArgumentTypeError(f"'{text}': expected {expected}")
    return int(text) or None


def print_left_out(found: pictures.Found) -> None:
    """Count and name what lies in the folders and is not upscaled."""
    kinds = (found.others, "file{} that Pillow does not read"), (found.folders, "folder{}, see --recursive")
    for paths, kind in kinds:
        if paths:
            counted = f"{len(paths)} {kind.format('s' * (len(paths) > 1))}"
            print(f"left out {counted}: {list_names([str(path) for path in paths])}")


def upscale_all(jobs: Sequence[pictures.Job], inference: Inference, options: argparse.Namespace) -> int:
    """Upscale all pictures, print a line for each and a summary; return the exit status."""
    counts = {"upscaled": 0, "skipped": 0, "failed": 0}
    console, stderr = Console(emoji=False), Console(stderr=True, emoji=False)
    with progress_bars(console) as bar:
        all_pictures = bar.add_task("pictures", total=len(jobs), visible=len(jobs) > 1)
        for job in jobs:
            if job.result_of:
                outcome = "skipped"
                message = f"{job.source}: by its name the result of {job.result_of}; to upscale it, name it alone"
            elif job.target.exists() and not options.overwrite:
                outcome, message = "skipped", f"{job.source}: {job.target} exists; --overwrite replaces it"
            else:
                outcome, message = try_upscale(job, inference, options, bar)
            counts[outcome] += 1
            where, word = (stderr, "error:") if outcome == "failed" else (console, outcome)
            where.print(f"{word} {message}", markup=False, highlight=False, soft_wrap=True)
            bar.advance(all_pictures)
    target = jobs[0].target if len(jobs) == 1 else options.output
    number = counts.pop("upscaled")
    written = f"{number} picture{'s' * (number != 1)} upscaled x{inference.scale} into {target}"
    rest = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    print(", ".join([written if number else "nothing written", *rest]))
    return int(counts["failed"] > 0)


def try_upscale(
    job: pictures.Job, inference: Inference, options: argparse.Namespace, bar: bars.Progress
) -> tuple[str, str]:
    """Upscale one picture; return "upscaled" or "failed", and a message."""
    tiles = bar.add_task(escape(job.source.name), total=None)
    try:
        return "upscaled", upscale(job, inference, options, bar, tiles)
    except DataError as error:
        return "failed", " ".join(str(error).split())
    except FloatingPointError as error:
        return "failed", f"{job.source}: {error}; take --precision 32-true"
    except OSError as error:
        return "failed", f"{job.target}: cannot be written ({error.strerror or error})"
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return "failed", f"{job.source}: does not fit into memory; take a smaller --tile, or --device cpu"
    finally:
        bar.remove_task(tiles)


def upscale(
    job: pictures.Job, inference: Inference, options: argparse.Namespace, bar: bars.Progress, tiles: bars.TaskID
) -> str:
    """Upscale one picture from file to file; return a message about sizes and time.

    Raises DataError if the picture cannot be read, or the result does not fit the format, FloatingPointError if it is
    not finite, and OSError if it cannot be written.
    """
    start = monotonic()
    picture = pictures.read_picture(job.source, max_pixels=options.max_pixels)
    height, width, channels = picture.samples.shape
    shape = (inference.scale * height, inference.scale * width, channels)
    bar.update(tiles, total=pictures.count_tiles(picture, options.tile))

    def network(lr: Tensor) -> Tensor:
        sr: Tensor = inference(lr)
        bar.advance(tiles)
        return sr

    how = {"dtype": picture.samples.dtype, "icc": picture.icc, "ahead": options.device.type == "cuda"}
    with torch.inference_mode():
        bands = pictures.upscale_in_bands(
            picture, network, scale=inference.scale, tile=options.tile, device=options.device
        )
        pictures.write_picture(job.target, job.format, bands, shape=shape, **how)
    return f"{job.target}: {width}x{height} to {shape[1]}x{shape[0]}, {monotonic() - start:.1f} s"


def progress_bars(console: Console) -> bars.Progress:
    """A bar over pictures and one over the tiles of the current picture, with the time that is left."""
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    left = bars.TimeRemainingColumn()
    return bars.Progress(*columns, left, console=console, transient=True, disable=not console.is_terminal)


if __name__ == "__main__":
    main()
