"""Bicubic's scores of benchmark sets, which stand beside every network's; measured once and cached on disk."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from aldsr.core.device import device_name
from aldsr.core.files import atomic_write
from aldsr.data import BenchmarkSet, unit_float
from aldsr.data.cache import cache_dir
from aldsr.evaluation.inference import Inference
from aldsr.imaging import Protocol, Scores, quantise
from aldsr.nn import BicubicUpscale

VERSION = 1  # raise it when this code would give the same images other scores

Rows = list[list[list[float]]]  # [protocols, images, 2]: PSNR (dB) and SSIM


def score_bicubic(
    benchmarks: Sequence[BenchmarkSet], *, scale: int, protocols: Mapping[str, Protocol], device: torch.device
) -> dict[str, Scores]:
    """Score bicubic upscaling, in float32, or read the scores from the cache.

    Under DDP, call it on one rank: it does not divide the work.

    Returns:
        protocol → set → image → `psnr` (dB) and `ssim`.
    """
    scores: dict[str, Scores] = {name: {} for name in protocols}
    for benchmark in benchmarks:
        file = _cache_file(benchmark, scale, protocols, device)
        if (rows := _read(file, len(protocols), len(benchmark))) is None:
            rows = _measure(benchmark, scale, protocols, device)
            with suppress(OSError):  # without a cache, they are measured again the next time
                file.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(file) as temporary:
                    temporary.write_text(json.dumps(rows))
        for name, row in zip(protocols, rows, strict=True):
            scores[name][benchmark.name] = {
                image: {"psnr": psnr, "ssim": ssim}
                for image, (psnr, ssim) in zip(benchmark.image_names, row, strict=True)
            }
    return scores


@torch.no_grad()
def _measure(benchmark: BenchmarkSet, scale: int, protocols: Mapping[str, Protocol], device: torch.device) -> Rows:
    upscale = Inference(BicubicUpscale(scale=scale)).to(device)
    rows: Rows = [[] for _ in protocols]
    for index in range(len(benchmark)):
        image = benchmark[index]
        hr, sr = image.hr.to(device), quantise(upscale(unit_float(image.lr.to(device))))
        for row, protocol in zip(rows, protocols.values(), strict=True):
            score = protocol.score(sr, hr, scale=scale, gray=image.gray)
            row.append([score.psnr.item(), score.ssim.item()])
    return rows


def _cache_file(benchmark: BenchmarkSet, scale: int, protocols: Mapping[str, Protocol], device: torch.device) -> Path:
    """The cache file of a set, named by a digest of everything that the scores depend on to the last bit."""
    machine = [device.type, device_name(device), torch.get_num_threads(), torch.__version__]
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([VERSION, machine, [each.to_fields(scale) for each in protocols.values()]]).encode())
    for pair in benchmark.pairs:  # one after the other: the fingerprint of a set does not say which LR is of which HR
        for pixels in (pair.hr, pair.lr):
            digest.update(f"{tuple(pixels.shape)} {pair.name in benchmark.gray}".encode() + pixels.numpy().tobytes())
    return cache_dir() / "bicubic" / f"{digest.hexdigest()}.json"


def _read(file: Path, protocols: int, images: int) -> Rows | None:
    """The content of a cache file; None if there is none, or it is damaged."""
    with suppress(OSError, ValueError, TypeError):
        rows = [[[float(psnr), float(ssim)] for psnr, ssim in row] for row in json.loads(file.read_text())]
        if [len(row) for row in rows] == [images] * protocols:
            return rows
    return None
