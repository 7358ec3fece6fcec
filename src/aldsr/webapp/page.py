"""Compose the page: its sources, a network as ONNX, onnxruntime-web and a sample picture, in one folder."""

import html
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from string import Template
from uuid import uuid4

import skimage.data
from PIL import Image

from aldsr.core.errors import UserError
from aldsr.data.images import read_tensor
from aldsr.evaluation.cost import count_parameters
from aldsr.evaluation.inference import GLOBAL, has_global_statistics
from aldsr.imaging import imresize
from aldsr.nn import fold
from aldsr.nn.description import deployed_description, label, scale_of
from aldsr.nn.formats import FORMATS, check_file
from aldsr.nn.weights import load_network

SOURCES = Path(__file__).parent
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # without WebGPU, which needs twice the bytes
INSTALLED = "build/web/node_modules/onnxruntime-web"  # where `make web` installs it
NETWORK = "network.onnx"
MARKERS = {"index.html", "worker.js", NETWORK, "onnxruntime"}  # a folder that has these is an earlier page
SAMPLE, CREDIT = "coffee.png", "coffee by Rachel Michetti (CC0), from scikit-image, reduced to a quarter"


class WebError(UserError):
    """A page that cannot be composed."""


def compose_page(weights: Path, output: Path, *, runtime: Path, allow_code: Sequence[str] = ()) -> str:
    """Write the page of a network to a folder, complete, in place of an earlier page; return a line that reports it.

    `runtime` is the npm package onnxruntime-web. Raises WebError if it lacks a file, or `output` cannot be written or
    is something else than an earlier page; NetworkError and FormatError as `aldsr.export`.
    """
    version = read_runtime_version(runtime)
    FORMATS["onnx"].check_installed()
    network, description = load_network(weights, allow_code)
    name, scale, parameters = label(description), scale_of(description), f"{count_parameters(network):,}"
    folded = deployed_description(description, network.eval())
    words = {"name": name, "scale": scale, "parameters": parameters, "runtime": version, "credit": CREDIT}
    words["note"] = f"In large pictures {GLOBAL}." if has_global_statistics(network) else ""
    try:
        with replace_folder(output) as draft:
            FORMATS["onnx"].write(draft / NETWORK, fold(network), folded)
            check_file(network, FORMATS["onnx"], draft / NETWORK, output / NETWORK)
            (draft / "onnxruntime").mkdir()
            for file in RUNTIME:
                shutil.copyfile(runtime / "dist" / file, draft / "onnxruntime" / file)
            write_sample(draft / "sample.png")
            write_sources(draft, words)
    except OSError as error:
        raise WebError(f"-o {output}: cannot be written ({error.strerror or error}); choose another folder") from error
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    report = f"{output}: {name} x{scale}, {parameters} parameters, {size / 2**20:.1f} MiB"
    return f"{report}\n{words['note']}".rstrip()


def write_sources(folder: Path, words: Mapping[str, object]) -> None:
    """Write the sources of the page, with `words` in the placeholders of index.html."""
    for source in SOURCES.iterdir():
        if source.suffix in (".js", ".css", ".svg"):
            shutil.copyfile(source, folder / source.name)
    page = Template((SOURCES / "index.html").read_text(encoding="utf-8"))
    escaped = {key: html.escape(str(word)) for key, word in words.items()}
    (folder / "index.html").write_text(page.substitute(escaped), encoding="utf-8")


def read_runtime_version(runtime: Path) -> str:
    """The version of an installed onnxruntime-web. Raises WebError if one of its files is missing."""
    needed = [runtime / "package.json", *(runtime / "dist" / name for name in RUNTIME)]
    if missing := [file for file in needed if not file.is_file()]:
        raise WebError(
            f"onnxruntime-web: found no {missing[0]}; `make web` fetches it, or run `npm ci` in a folder with copies "
            f"of package.json and package-lock.json from {SOURCES}, and name its node_modules/onnxruntime-web "
            "by --runtime"
        )
    return str(json.loads(needed[0].read_text(encoding="utf-8"))["version"])


def write_sample(path: Path) -> None:
    """Write a photograph to try the page with: 150x100 pixels, which are upscaled in seconds."""
    # The file itself: the functions of `skimage.data` may ask for a download.
    hr = read_tensor(Path(skimage.data.__file__).parent / SAMPLE)[None]
    Image.fromarray(imresize(hr, Fraction(1, 4))[0].permute(1, 2, 0).numpy()).save(path)


@contextmanager
def replace_folder(output: Path) -> Iterator[Path]:
    """Yield an empty folder beside `output`, then rename it; raise WebError if `output` is no page or empty folder."""
    names = {each.name for each in output.iterdir()} if output.is_dir() else set()
    if output.is_file() or (names and not names.issuperset(MARKERS)):
        raise WebError(f"-o {output}: exists, and is no page of this command; choose another folder, or remove it")
    final = output.resolve()
    draft, earlier = (final.with_name(f".{final.name}.{uuid4().hex}.{kind}") for kind in ("part", "earlier"))
    draft.mkdir(parents=True)
    try:
        yield draft
        if final.exists():
            final.rename(earlier)
        draft.rename(final)
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
