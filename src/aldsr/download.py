"""The command `python -m aldsr.download`: fetch the DIV2K data set and lay it out for training."""

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from rich import progress as bars
from rich.console import Console

from aldsr.core.command import plain_command
from aldsr.data.download import DIV2K, Archive, Progress, fetch, human_size
from aldsr.data.unpack import extract, is_extracted

DEFAULT_FOLDER = Path("datasets/DIV2K")
SCALES = (2, 3, 4)


@plain_command(interrupted="what has arrived is kept; the same command goes on from there")
def main(argv: Sequence[str] | None = None) -> None:
    """Download and unpack what is missing."""
    options = _parser().parse_args(argv)
    folder: Path = options.to.expanduser()
    archives = select(options.scale or [4], options.base_url)
    total = human_size(sum(archive.size for archive in archives))
    print(f"DIV2K: {len(archives)} archives, {total}, into {folder} (for academic research only)", flush=True)
    for archive in archives:
        obtain(archive, folder, keep=options.keep_archives)
    print(f"DIV2K lies in {folder}; next: {next_command(folder)}")


def select(scales: Sequence[int], base_url: str | None = None) -> list[Archive]:
    """The archives of high resolution and of these scales, from the official server or from a mirror."""
    names = ["train_HR", "valid_HR"]
    names += [f"{split}_LR_bicubic_X{scale}" for scale in sorted(set(scales)) for split in ("train", "valid")]
    archives = [DIV2K[name] for name in names]
    if base_url is None:
        return archives
    return [replace(archive, url=f"{base_url}/{archive.name}") for archive in archives]


def obtain(archive: Archive, folder: Path, *, keep: bool) -> None:
    """Fetch and unpack one archive, unless its files are there; raises DownloadError."""
    if is_extracted(archive.name, archive.sha256, folder):
        print(f"{archive.name}: unpacked already", flush=True)
        return
    with _download_bar(archive) as progress:
        path = fetch(archive, folder, progress=progress)
    print(f"{archive.name}: complete, SHA-256 as expected; unpacking", flush=True)
    extract(path, folder, sha256=archive.sha256)
    if not keep:
        path.unlink()


def next_command(folder: Path) -> str:
    """The training command, ready to paste into a shell, for the data set in `folder`."""
    command = ["python", "-m", "aldsr.train", "experiment=paper"]
    if folder != DEFAULT_FOLDER:
        command += [
            f"data.train_dirs=[{_hydra_value(folder / 'DIV2K_train_HR')}]",
            f"data.eval_dirs=[{_hydra_value(folder / 'DIV2K_valid_HR')}]",
        ]
    return shlex.join(command)


def _hydra_value(path: Path) -> str:
    """The path as Hydra reads it on the command line, in quotes only where its grammar asks for them."""
    text = str(path)
    if re.fullmatch(r"[\w./-]+", text, re.ASCII):
        return text
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)  # Hydra takes a backslash literally unless a quote follows
    return f'"{escaped}"'


@contextmanager
def _download_bar(archive: Archive) -> Iterator[Progress]:
    """Something to call with the progress: a bar on a terminal, one plain line elsewhere."""
    console = Console()
    if not console.is_terminal:
        print(f"{archive.name}: {human_size(archive.size)} from {archive.url}", flush=True)
        yield lambda done, total: None
        return
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console) as bar:

        def show(done: int, total: int) -> None:
            # the task starts at what is there already, which would else count as speed
            if not bar.tasks:
                bar.add_task(archive.name, total=total, completed=done)
            bar.update(bar.tasks[0].id, completed=done)

        yield show


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aldsr.download",
        description="Fetch DIV2K (Agustsson & Timofte, CVPRW 2017), check it and unpack it. An interrupted "
        "download goes on where it stopped when the command is run again.",
        epilog="Sizes: high resolution "
        f"{human_size(DIV2K['train_HR'].size)} (train) and {human_size(DIV2K['valid_HR'].size)} (valid); "
        f"low resolution {_scale_sizes()}. Unpacking needs about as much again while it runs. "
        "Terms: DIV2K is for academic research only, its images belong to their owners. Cite E. Agustsson "
        "and R. Timofte, 'NTIRE 2017 Challenge on Single Image Super-Resolution: Dataset and Study', "
        "CVPRW 2017.",
    )
    parser.add_argument("dataset", choices=["div2k"], help="the data set to fetch")
    parser.add_argument(
        "--scale",
        type=int,
        action="append",
        choices=SCALES,
        help="low-resolution images of this scale too; may be given several times (default: 4)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="FOLDER",
        help="where the images go; files of the same name are replaced (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-archives",
        action="store_true",
        help="keep the zip files, which are removed once unpacked otherwise",
    )
    parser.add_argument(
        "--base-url",
        type=_web_folder,
        metavar="URL",
        help="a mirror's folder in place of the official server's; the hashes still apply",
    )
    return parser


def _web_folder(text: str) -> str:
    """The type of an option that is a folder's address; returns it without a slash at its end."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.netloc and (parts.port or True)
    except ValueError:  # such as an open bracket, or a port that is no number
        valid = False
    if not valid or re.search(r"[\s?#]", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected an address such as https://server/folder")
    return text.rstrip("/")


def _scale_sizes() -> str:
    """For the help text: the download of each scale."""
    sizes = {
        scale: sum(archive.size for name, archive in DIV2K.items() if name.endswith(f"X{scale}")) for scale in SCALES
    }
    return ", ".join(f"{human_size(size)} (scale {scale})" for scale, size in sizes.items())


if __name__ == "__main__":
    main()
