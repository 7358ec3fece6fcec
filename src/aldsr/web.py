"""`python -m aldsr.web -o DIR`: a page on which a network upscales pictures in the visitor's browser.

DIR gets static files: the page, the network as ONNX, onnxruntime-web to run it, and a sample picture. What a visitor
drops on the page leaves the visitor's machine at no time. An earlier page in DIR is replaced. Serve it by
`python -m http.server -d DIR` or any other server: from files, browsers run no workers and no WebAssembly.
Exit status: 0 done, 2 wrong usage.
"""

import argparse
import html
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from string import Template
from uuid import uuid4

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image

from aldsr.core.command import plain_command
from aldsr.core.errors import UserError
from aldsr.evaluation.cost import count_parameters
from aldsr.imaging import imresize
from aldsr.nn import fold
from aldsr.nn.description import TRUSTED, label, scale_of
from aldsr.nn.formats import FORMATS
from aldsr.nn.pretrained import default_weights
from aldsr.nn.verification import checked, plain_description
from aldsr.nn.weights import load_network

SOURCES = Path(__file__).parent / "webapp"
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # without WebGPU, which needs twice the bytes
INSTALLED = "build/web/node_modules/onnxruntime-web"  # where `make web` has npm put it
NETWORK = "network.onnx"
EARLIER = {"index.html", "worker.js", NETWORK, "onnxruntime"}  # by which a page is known, to be replaced
SAMPLE, CREDIT = "coffee.png", "coffee by Rachel Michetti (CC0), from scikit-image, reduced to a quarter"


class WebError(UserError):
    """A page that cannot be composed."""


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Compose the page, and say how to look at it."""
    options = _parser().parse_args(argv)
    weights = options.weights or default_weights()
    try:
        print(compose(weights, options.output, runtime=options.runtime, allow_code=options.allow_code))
    except OSError as error:
        reason = error.strerror or error
        raise WebError(f"-o {options.output}: cannot be written ({reason}); choose another folder") from error


def compose(weights: Path, output: Path, *, runtime: Path, allow_code: Sequence[str] = ()) -> str:
    """Write the page of a network; lines that say what was written and how to look at it.

    Args:
        weights: a weights file or training checkpoint.
        output: the folder to write; it appears as a whole, in place of an earlier page.
        runtime: the folder of the npm package onnxruntime-web.
        allow_code: packages beside aldsr.nn that the network's blocks may come from.

    Raises:
        WebError: if `runtime` lacks a file, or `output` is something else than an earlier page.
        NetworkError: if the weights cannot be read, or are of no network that upscales.
        FormatError: if they cannot be written as ONNX.
        CheckError: if the ONNX model does not do what the network does.
        OSError: if `output` cannot be written.
    """
    version = runtime_version(runtime)
    FORMATS["onnx"].check_installed()
    network, description = load_network(weights, (*TRUSTED, *allow_code))
    plain = plain_description(network.eval(), description, weights)
    name, scale, parameters = label(description), scale_of(plain), f"{count_parameters(network):,}"
    words = {"name": name, "scale": scale, "parameters": parameters, "runtime": version, "credit": CREDIT}
    with whole_folder(output) as draft:
        FORMATS["onnx"].write(draft / NETWORK, fold(network), plain)
        checked(network, FORMATS["onnx"], draft / NETWORK, output / NETWORK)
        copy_runtime(runtime, draft / "onnxruntime")
        Image.fromarray(sample()).save(draft / "sample.png")
        fill(draft, words)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    return (
        f"{output}: {name} x{scale}, {parameters} parameters, {size / 2**20:.1f} MiB\n"
        f"serve it: python -m http.server -d {output}; then open http://localhost:8000"
    )


def fill(folder: Path, words: Mapping[str, object]) -> None:
    """Write the page's own files, with `words` in the places of index.html that are named after them."""
    for source in SOURCES.iterdir():
        if source.suffix in (".js", ".css", ".svg"):
            shutil.copyfile(source, folder / source.name)
    page = Template((SOURCES / "index.html").read_text(encoding="utf-8"))
    escaped = {key: html.escape(str(word)) for key, word in words.items()}
    (folder / "index.html").write_text(page.substitute(escaped), encoding="utf-8")


def copy_runtime(runtime: Path, folder: Path) -> None:
    """Copy what the page needs of onnxruntime-web."""
    folder.mkdir()
    for name in RUNTIME:
        shutil.copyfile(runtime / "dist" / name, folder / name)


def runtime_version(runtime: Path) -> str:
    """The version of an installed onnxruntime-web.

    Raises:
        WebError: if one of its files is missing.
    """
    needed = [runtime / "package.json", *(runtime / "dist" / name for name in RUNTIME)]
    if missing := [file for file in needed if not file.is_file()]:
        raise WebError(
            f"onnxruntime-web: found no {missing[0]}; `make web` fetches it, or run `npm ci` in a folder with copies "
            f"of package.json and package-lock.json from {SOURCES}, and name its node_modules/onnxruntime-web "
            "by --runtime"
        )
    return str(json.loads(needed[0].read_text(encoding="utf-8"))["version"])


def sample() -> NDArray[np.uint8]:
    """A photograph to try the page with, (H, W, 3) uint8: small, so that it is upscaled in seconds."""
    # The file itself: the functions of `skimage.data` may ask for a download.
    with Image.open(Path(skimage.data.__file__).parent / SAMPLE) as image:
        hr = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
    return imresize(hr, Fraction(1, 4))[0].permute(1, 2, 0).numpy()


@contextmanager
def whole_folder(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, renamed at the end: an earlier page is there until the new one is whole.

    Raises:
        WebError: if `output` is there, holds something, and is no page of this command.
    """
    names = {each.name for each in output.iterdir()} if output.is_dir() else set()
    if output.is_file() or (names and not names.issuperset(EARLIER)):
        raise WebError(f"-o {output}: exists, and is no page of this command; choose another folder, or remove it")
    place = output.resolve()
    draft, earlier = (place.with_name(f".{place.name}.{uuid4().hex}.{kind}") for kind in ("part", "earlier"))
    draft.mkdir(parents=True)
    try:
        yield draft
        if place.exists():
            place.rename(earlier)
        draft.rename(place)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aldsr.web", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="(default: what the package has)")
    parser.add_argument(
        "--runtime",
        type=Path,
        default=Path(os.environ.get("ALDSR_ORT_WEB", INSTALLED)),
        metavar="DIR",
        help=f"the npm package onnxruntime-web (default: $ALDSR_ORT_WEB, else {INSTALLED})",
    )
    parser.add_argument(
        "--allow-code", action="append", default=[], metavar="PACKAGE", help="of a block of your own, in the weights"
    )
    return parser


if __name__ == "__main__":
    main()
