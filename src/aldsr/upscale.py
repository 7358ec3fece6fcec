"""`python -m aldsr.upscale INPUT… -o OUT`: pictures upscaled by a trained network.

INPUT are PNG, JPEG, WebP, TIFF, BMP or other picture files, folders of them, or patterns such as 'scans/*.png'. Gray
stays gray, 16 bits stay 16 in PNG and TIFF, transparency and the colour profile are kept, EXIF orientation is applied;
other EXIF is left out. Large pictures go through the network in tiles and into the file in bands. Exit status: 0 done,
1 some pictures failed (each in one line; the rest is done), 2 wrong usage.
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

from aldsr.core.command import plain_command
from aldsr.data import DataError
from aldsr.evaluation.inference import PRECISIONS, Inference
from aldsr.nn import fold
from aldsr.nn.description import TRUSTED
from aldsr.nn.pretrained import default_weights
from aldsr.nn.weights import load_network
from aldsr.pictures import (
    FORMATS,
    MAX_PIXELS,
    Job,
    form_of,
    found,
    plan,
    read_picture,
    tiles_of,
    upscaled,
    write_picture,
)

TILE = 256  # LR pixels a side; what "auto" means


@plain_command(interrupted="the pictures that were finished are kept; run the command again to go on")
def main(argv: Sequence[str] | None = None) -> None:
    """Settle what is to be done, then do it picture by picture."""
    options = parser().parse_args(argv)
    options.device = device_of(options.device)
    inference = inference_of(options.weights or default_weights(), options)
    jobs = jobs_of(options, inference.scale)
    sys.exit(upscale_all(jobs, inference, options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m aldsr.upscale", description=__doc__)
    options.add_argument("inputs", nargs="+", metavar="INPUT", help="pictures, folders of pictures, or patterns")
    options.add_argument(
        *("-o", "--output"), type=Path, required=True, metavar="OUT", help="a folder; of a single picture, or a file"
    )
    options.add_argument("--weights", metavar="FILE", help="weights file or checkpoint (default: what the package has)")
    options.add_argument("--format", choices=FORMATS, default="keep", help="of the results (default keep, else PNG)")
    options.add_argument("--suffix", metavar="TEXT", help="added to names in a folder (default _x4, as the scale is)")
    options.add_argument("--overwrite", action="store_true", help="replace results that exist (default: skip them)")
    options.add_argument(
        "--tile", type=tile, default=TILE, metavar="auto|N|0", help=f"largest side in LR pixels ({TILE}); 0: no tiles"
    )
    options.add_argument("--self-ensemble", action="store_true", help="average over eight orientations: 8 x the time")
    options.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default auto)")
    options.add_argument("--precision", choices=tuple(PRECISIONS), default="32-true", help="(default 32-true)")
    options.add_argument(
        "--max-pixels", type=int, default=MAX_PIXELS, metavar="N", help=f"refuse larger inputs (default {MAX_PIXELS:,})"
    )
    options.add_argument(
        "--allow-code", action="append", default=[], metavar="PACKAGE", help="of a block of your own, in the weights"
    )
    return options


def tile(text: str) -> int | None:
    """What --tile says: a side, or None for no tiles."""
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}': expected auto, a number of LR pixels, or 0 for no tiles")
    return TILE if text == "auto" else int(text) or None


def device_of(name: str) -> torch.device:
    """The device that is asked for.

    Raises:
        DataError: if it is not there.
    """
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise DataError("--device cuda: no CUDA device found here; take --device cpu, or auto")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def jobs_of(options: argparse.Namespace, scale: int) -> list[Job]:
    """What is to be done; the folder of the results is there afterwards.

    Raises:
        DataError: if there is no such input, or the output is no place for it.
    """
    suffix = f"_x{scale}" if options.suffix is None else options.suffix
    jobs = plan(found(options.inputs), options.output.expanduser(), format=options.format, suffix=suffix)
    try:
        jobs[0].target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"-o {options.output}: cannot be made ({error.strerror}); give another folder") from error
    return jobs


def inference_of(weights: str | Path, options: argparse.Namespace) -> Inference:
    """The network of a weights file, folded, as it is to be used. Its tiles are cut where bands are made.

    Raises:
        NetworkError: if the weights cannot be used.
        DataError: if the tile is smaller than its overlaps.
    """
    network, _ = load_network(weights, [*TRUSTED, *options.allow_code])
    try:
        Inference(network, tile=options.tile)
    except ValueError as error:
        raise DataError(f"--{error}") from error
    inference = Inference(fold(network), self_ensemble=options.self_ensemble, precision=options.precision)
    return inference.eval().to(options.device)


def upscale_all(jobs: Sequence[Job], inference: Inference, options: argparse.Namespace) -> int:
    """Every picture in turn, each with its line, and a last line; the exit status."""
    counts = {"upscaled": 0, "skipped": 0, "failed": 0}
    console = Console(emoji=False)
    with progress(console) as bar:
        everything = bar.add_task("pictures", total=len(jobs), visible=len(jobs) > 1)
        for job in jobs:
            if job.target.exists() and not options.overwrite:
                outcome, said = "skipped", f"{job.source}: {job.target} exists; --overwrite replaces it"
            else:
                outcome, said = attempted(job, inference, options, bar)
            counts[outcome] += 1
            printing = Console(stderr=True, emoji=False) if outcome == "failed" else console
            words = f"error: {said}" if outcome == "failed" else f"{outcome} {said}"
            printing.print(words, markup=False, highlight=False, soft_wrap=True)
            bar.advance(everything)
    place = jobs[0].target if len(jobs) == 1 else jobs[0].target.parent
    rest = [f"{counts[outcome]} {outcome}" for outcome in ("skipped", "failed") if counts[outcome]]
    pictures = f"{counts['upscaled']} picture{'s' * (counts['upscaled'] != 1)} upscaled x{inference.scale}"
    print(", ".join([f"{pictures} into {place}" if counts["upscaled"] else "nothing written", *rest]))
    return int(counts["failed"] > 0)


def attempted(job: Job, inference: Inference, options: argparse.Namespace, bar: bars.Progress) -> tuple[str, str]:
    """Upscale one picture: "upscaled" or "failed", and a sentence."""
    tiles = bar.add_task(escape(job.source.name), total=None)
    try:
        return "upscaled", upscale(job, inference, options, bar, tiles)
    except DataError as error:
        return "failed", " ".join(str(error).split())
    except OSError as error:
        return "failed", f"{job.target}: cannot be written ({error.strerror or error})"
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        return "failed", f"{job.source}: does not fit into memory; take a smaller --tile, or --device cpu"
    finally:
        bar.remove_task(tiles)


def upscale(job: Job, inference: Inference, options: argparse.Namespace, bar: bars.Progress, tiles: bars.TaskID) -> str:
    """Upscale one picture from file to file; what was done.

    Raises:
        DataError: if the picture cannot be read or its result not be held by the format, or is not finite.
        OSError: if the result cannot be written.
    """
    begun = monotonic()
    picture = read_picture(job.source, max_pixels=options.max_pixels)
    form = form_of(picture, inference.scale)
    bar.update(tiles, total=tiles_of(picture, options.tile))

    def network(lr: Tensor) -> Tensor:
        sr: Tensor = inference(lr.to(options.device)).cpu()
        if not sr.isfinite().all():
            raise DataError(f"{job.source}: the network's result is not finite; take --precision 32-true")
        bar.advance(tiles)
        return sr

    with torch.inference_mode():
        bands = upscaled(picture, network, scale=inference.scale, tile=options.tile)
        write_picture(job.target, job.format, form, bands)
    width, height = picture.size
    return f"{job.target}: {width}x{height} to {form.width}x{form.height}, {monotonic() - begun:.1f} s"


def progress(console: Console) -> bars.Progress:
    """A bar over pictures and one over the tiles of the picture in work, with the time that is left."""
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    left = bars.TimeRemainingColumn()
    return bars.Progress(*columns, left, console=console, transient=True, disable=not console.is_terminal)


if __name__ == "__main__":
    main()
