"""Bicubic's scores of benchmark sets, which stand beside every network's; measured once and cached on disk."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import torch

from aldsr.core.device import device_name
from aldsr.core.files import write_json
from aldsr.data import BenchmarkSet, unit_float
from aldsr.data.cache import cache_dir
from aldsr.evaluation.inference import Inference
from aldsr.evaluation.results import restore_infinity
from aldsr.imaging import Protocol, Scores, quantise
from aldsr.nn import BicubicUpscale

VERSION = 2  # raise it when this code would give the same images other scores


def score_bicubic(
    benchmarks: Sequence[BenchmarkSet], *, scale: int, protocols: Mapping[str, Protocol], device: torch.device
) -> dict[str, Scores]:
    """Score bicubic upscaling, in float32, or read the scores from the cache: protocol → set → image → scores.

    Under DDP, call it on one rank: it does not divide the work.
    """
    scores: dict[str, Scores] = {name: {} for name in protocols}
    for benchmark in benchmarks:
        file = _cache_file(benchmark, scale, protocols, device)
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError):  # there is none, or it is damaged
            found = score_images(Inference(BicubicUpscale(scale=scale)).to(device), benchmark, protocols, device)
            with suppress(OSError):  # without a cache, they are measured again the next time
                write_json(file, found)
        for name, images in found.items():
            restore_infinity(images.values())
            scores[name][benchmark.name] = images
    return scores


@torch.no_grad()
def score_images(
    upscale: Inference, benchmark: BenchmarkSet, protocols: Mapping[str, Protocol], device: torch.device
) -> Scores:
    """Upscale every image of a set on the device that holds the network: protocol → image → scores."""
    found: Scores = {name: {} for name in protocols}
    for index, pair in enumerate(benchmark.pairs):
        image = benchmark[index]
        hr, sr = image.hr.to(device), quantise(upscale(unit_float(image.lr.to(device))))
        for name, protocol in protocols.items():
            scores = protocol.score(sr, hr, scale=upscale.scale, gray=image.gray)
            found[name][pair.name] = {key: score.item() for key, score in scores.items()}
    return found


def _cache_file(benchmark: BenchmarkSet, scale: int, protocols: Mapping[str, Protocol], device: torch.device) -> Path:
    """The cache file of a set, named by a digest of its content's names, and of all that scores depend on to a bit."""
    machine = [device.type, device_name(device), torch.get_num_threads(), torch.__version__]
    fields = {name: protocol.to_fields(scale) for name, protocol in protocols.items()}
    digest = hashlib.blake2b(json.dumps([VERSION, machine, fields]).encode(), digest_size=16)
    for pair in benchmark.pairs:  # one after the other: the fingerprint of a set does not say which LR is of which HR
        digest.update(json.dumps([pair.name, pair.name in benchmark.gray, pair.hr.shape]).encode())
        digest.update(pair.hr[:, :, :].numpy().tobytes() + pair.lr[:, :, :].numpy().tobytes())
    return cache_dir() / "bicubic" / f"{digest.hexdigest()}.json"
