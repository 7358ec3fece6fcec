"""`python -m aldsr.download div2k`: fetch the DIV2K data set and lay it out for training.

Every archive is checked and unpacked. An interrupted download goes on where it stopped when the command is run again.
DIV2K is for academic research only, its images belong to their owners. Cite E. Agustsson and R. Timofte, "NTIRE 2017
Challenge on Single Image Super-Resolution: Dataset and Study", CVPRW 2017.
"""

import argparse
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from aldsr.core.command import make_parser, plain_command
from aldsr.core.quoting import shell_words
from aldsr.data.download import DIV2K, OFFICIAL_SERVER, fetch, human_size, is_unpacked, unpack
from aldsr.run.typed import hydra_text

DEFAULT_FOLDER = Path("datasets/DIV2K")
SCALES = (2, 3, 4)


@plain_command(interrupted="what has arrived is kept; the same command goes on from there")
def main(argv: Sequence[str] | None = None) -> None:
    """Download and unpack what is missing."""
    options = parse_options(argv)
    folder: Path = options.to.expanduser()
    names = ["train_HR", "valid_HR"]
    for scale in sorted(set(options.scale or [4])):
        names += [f"train_LR_bicubic_X{scale}", f"valid_LR_bicubic_X{scale}"]
    archives = [DIV2K[name] for name in names]
    total = human_size(sum(archive.size for archive in archives))
    print(f"DIV2K: {len(archives)} archives, {total}, into {folder} (for academic research only)", flush=True)
    for archive in archives:
        if is_unpacked(archive, folder):
            print(f"{archive.name}: unpacked already", flush=True)
            continue
        path = fetch(archive, folder, options.base_url)
        print(f"{archive.name}: complete, SHA-256 as expected; unpacking", flush=True)
        unpack(archive, path, folder)
        if not options.keep_archives:
            path.unlink()
    print(f"DIV2K lies in {folder}; next: {next_command(folder, options.scale or [4])}")


def next_command(folder: Path, scales: Sequence[int]) -> str:
    """The training command for the data set in `folder`, with LR of these scales, ready to paste into a shell."""
    scale = [] if 4 in scales else [f"scale={min(scales)}"]
    command = ["python", "-m", "aldsr.train", "experiment=paper", *scale]
    for option, name in (("train_dirs", "DIV2K_train_HR"), ("eval_dirs", "DIV2K_valid_HR")):
        if folder != DEFAULT_FOLDER:
            command.append(f"data.{option}=[{hydra_text(folder / name)}]")
    return shell_words(*command)


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    sizes = {scale: sum(DIV2K[f"{split}_LR_bicubic_X{scale}"].size for split in ("train", "valid")) for scale in SCALES}
    lr_sizes = ", ".join(f"{human_size(size)} (scale {scale})" for scale, size in sizes.items())
    parser = make_parser("download", __doc__)
    parser.epilog = (
        f"Sizes: high resolution {human_size(DIV2K['train_HR'].size)} (train) and "
        f"{human_size(DIV2K['valid_HR'].size)} (valid);\nlow resolution {lr_sizes}.\n"
        "Unpacking needs about as much again while it runs."
    )
    parser.add_argument("dataset", choices=["div2k"], help="the data set to fetch")
    several = "low-resolution images of this scale too; may be given several times (default: 4)"
    parser.add_argument("--scale", type=int, action="append", choices=SCALES, help=several)
    where = "where the images go; files of the same name are replaced (default: %(default)s)"
    parser.add_argument("--to", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help=where)
    parser.add_argument("--keep-archives", action="store_true", help="keep the zip files after unpacking")
    mirror = "a mirror's folder in place of the official server's; the hashes still apply"
    parser.add_argument("--base-url", type=web_folder, default=OFFICIAL_SERVER, metavar="URL", help=mirror)
    return parser.parse_args(argv)


def web_folder(text: str) -> str:
    """The type of an option that is a folder's address; returns it without a slash at its end."""
    with suppress(ValueError):  # of an open bracket, or a port that is no number
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.netloc and parts.port != 0 and not re.search(r"[\s?#]", text):
            return text.rstrip("/")
    raise argparse.ArgumentTypeError(f"found {text!r}, expected an address such as https://server/folder")


if __name__ == "__main__":
    main()
