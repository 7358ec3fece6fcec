"""How fast training patches come from the cache, and LR images are made, compared with the usual ways."""

import math
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from torch import Tensor
from torch.utils.benchmark import set_torch_threads

from aldsr.core.device import time_in_turns, wait_for
from aldsr.data import CachedPair, Patches, SuperResolutionData, augment, read_image, unit_float
from aldsr.imaging import imresize
from aldsr.nn.bicubic import cubic

BATCH = 16  # the paper's
BATCHES = 40
ROUNDS = 5


def measure_loading(
    train_dirs: Sequence[str] | None, *, scale: int, patch_size: int, device: torch.device
) -> dict[str, float]:
    """Pairs per second on one core, the median of `ROUNDS`, after each stage of loading.

    The stages: "cut" (and collated), "augmented" (flipped and turned, too, on a GPU after the transfer), "float" (and
    converted); and "decoding", with files decoded for every patch. Raises DataError if the folders hold no images.
    """
    data = SuperResolutionData(scale=scale, train_dirs=train_dirs, eval_dirs=[], patch_size=patch_size)
    data.prepare_data()
    patches = Patches(data.train_pairs, patch_size=patch_size, scale=scale, seed=0)
    numbers = [range(n * BATCH, (n + 1) * BATCH) for n in range(BATCHES)]
    seconds: dict[str, list[float]] = {"cut": [], "augmented": [], "float": []}
    with set_torch_threads(1):
        for _ in range(ROUNDS + 1):  # the first warms up
            started = time.perf_counter()
            cut = [patches[batch] for batch in numbers]
            seconds["cut"].append(time.perf_counter() - started)
            moved = [type(batch)(*(each.to(device) for each in batch)) for batch in cut]
            turned = [(augment(batch.lr, batch.flips), augment(batch.hr, batch.flips)) for batch in moved]
            wait_for(device)
            seconds["augmented"].append(time.perf_counter() - started)
            for lr, hr in turned:
                unit_float(lr), unit_float(hr)
            wait_for(device)
            seconds["float"].append(time.perf_counter() - started)
        rates = {stage: BATCHES * BATCH / median(times[1:]) for stage, times in seconds.items()}
        return {**rates, "decoding": decoding_rate(scale=scale, patch_size=patch_size)}


def decoding_rate(*, scale: int, patch_size: int, images: int = 4, pairs: int = 40) -> float:
    """Pairs per second on one core where HR and LR files are decoded for every patch, as datasets without a cache do.

    The files are PNG, HR of one megapixel, of smooth noise; each patch is cut, flipped, turned and collated.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [_write_pair(Path(folder), number, scale) for number in range(images)]
        started = time.perf_counter()
        for n in range(pairs):
            lr, hr = (torch.tensor(read_image(file)).permute(2, 0, 1) for file in files[n % images])
            patches = Patches([CachedPair("", hr, lr)], patch_size=patch_size, scale=scale, seed=0)
            batch = patches[[n]]
            augment(batch.lr, batch.flips), augment(batch.hr, batch.flips)
        return pairs / (time.perf_counter() - started)


def _write_pair(folder: Path, number: int, scale: int) -> tuple[Path, Path]:
    """An LR and an HR file."""
    hr = torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(number)).mul(255)
    hr = imresize(hr, 16).add(4 * torch.randn(960, 960)).clamp(0, 255).to(torch.uint8)
    paths = folder / f"{number}x{scale}.png", folder / f"{number}.png"
    for path, image in zip(paths, (imresize(hr, Fraction(1, scale)), hr), strict=True):
        Image.fromarray(image[0].permute(1, 2, 0).contiguous().numpy()).save(path)
    return paths


def resize_by_rows(image: Tensor, scale: float) -> Tensor:
    """MATLAB's bicubic of `Tensor[C, H, W]` as it is usually ported: a matrix-vector product per row and channel.

    The reference for the speed of `imresize`. Symmetric border, no rounding.
    """
    return _resize_height(_resize_height(image, scale).mT, scale).mT


def _resize_height(image: Tensor, scale: float) -> Tensor:
    (channels, height, width), stretch = image.shape, min(scale, 1.0)
    size, taps = math.ceil(height * scale), math.ceil(4 / stretch) + 2
    centres = (torch.arange(size, dtype=image.dtype) + 0.5) / scale - 0.5
    index = (centres - 2 / stretch).floor()[:, None] + torch.arange(taps)
    weights = cubic((centres[:, None] - index) * stretch) * stretch
    weights /= weights.sum(1, keepdim=True)
    before, after = int(-index.min().clamp(max=0)), int((index.max() - height + 1).clamp(min=0))
    padded = torch.cat((image[:, :before].flip(1), image, image[:, height - after :].flip(1)), 1)
    resized = image.new_empty(channels, size, width)
    for row, start in enumerate((index[:, 0] + before).int().tolist()):
        for channel in range(channels):
            resized[channel, row] = padded[channel, start : start + taps].T.mv(weights[row])
    return resized


def resize_times(*, height: int = 1356, width: int = 2040, scale: int = 4, rounds: int = 7) -> dict[str, float]:
    """Median seconds on one core to make LR of one image, in turns: "imresize" of uint8, and the loop over "rows"."""
    hr = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    works = lambda: imresize(hr[None], Fraction(1, scale)), lambda: resize_by_rows(hr.float(), 1 / scale)
    with set_torch_threads(1):
        return dict(zip(("imresize", "rows"), time_in_turns(works, hr.device, rounds=rounds), strict=True))
