"""How LR is made from HR: by a chain of steps, one of which makes the image smaller. Each takes and gives uint8.

BD is that of RDN's authors (yulunzhang/RDN, Prepare_TestData_HR_LR.m), published at x3: `fspecial` with 7x7 weights and
sigma 1.6, `imfilter` on uint8 with the edge pixel repeated, then `imresize(…, 1/3, 'nearest')`. Output pixel m, from 0,
lies at 3 (m + 1/2) − 1/2 = 3m + 1 of the source, and a box of width 1 around that holds this pixel alone: the middle
one of each 3x3. Elsewhere the script has 11x11 weights at odd scales, and 12x12 at even ones, with which `imfilter`
puts a result half a pixel before the centre of its weights: pixel s/2 − 1 of each s is the one in the middle.

DN (x3 as well) is bicubic, then Gaussian noise of level 30 in single precision. Its random numbers are our own.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from inspect import signature
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from aldsr.core.errors import OptionError
from aldsr.imaging.resize import imresize

Random = np.random.RandomState  # the generator of NumPy's whose numbers no version changes
PATCHES = 2 << 64  # separates random numbers from those of `data.sampling`
BLOCK = 16  # pixels a side that JPEG codes together


def bicubic(image: Tensor, *, scale: int) -> Tensor:
    """MATLAB's `imresize`."""
    return imresize(image, Fraction(1, scale))


def bd(image: Tensor, *, scale: int, sigma: float = 1.6) -> Tensor:
    """RDN's BD: blurred, then one pixel in scale · scale; see above."""
    size = 7 if (scale, sigma) == (3, 1.6) else 2 * math.ceil(3 * sigma) + 1 + (scale % 2 == 0)
    return blur(image, sigma=sigma, size=size)[..., (scale - 1) // 2 :: scale, (scale - 1) // 2 :: scale]


def blur(image: Tensor, *, sigma: float, size: int | None = None) -> Tensor:
    """Gaussian blur with `size` weights a side, by default up to three sigma."""
    weights = torch.exp(-((_offsets(size or 2 * math.ceil(3 * sigma) + 1) / sigma) ** 2) / 2)
    weights /= weights.sum()
    return _round(_correlate(_correlate(image, weights[:, None]), weights[None]))


def anisotropic_blur(image: Tensor, *, sigma_x: float, sigma_y: float, angle: float = 0) -> Tensor:
    """Gaussian blur of two widths, whose axes are turned clockwise by `angle` degrees."""
    x = _offsets(2 * math.ceil(3 * max(sigma_x, sigma_y)) + 1)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = cos * x + sin * x[:, None], cos * x[:, None] - sin * x
    weights = torch.exp(-((along / sigma_x) ** 2 + (across / sigma_y) ** 2) / 2)
    return _round(_correlate(image, weights / weights.sum()))


def noise(image: Tensor, *, sigma: float, rng: Random) -> Tensor:
    """Gaussian noise in every value, `sigma` of 255 levels."""
    return _round(image.float() + torch.from_numpy(sigma * rng.standard_normal(image.shape)).float())


def jpeg(image: Tensor, *, quality: float) -> Tensor:
    """Written as JPEG by Pillow (4:2:0), of a quality that is rounded, and read again."""
    decoded = []
    for each in image:
        file = BytesIO()
        Image.fromarray(each.permute(1, 2, 0).contiguous().numpy()).save(file, "JPEG", quality=round(quality))
        decoded.append(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1))
    return torch.stack(decoded)


def _offsets(size: int) -> Tensor:
    return torch.arange(size, dtype=torch.float64) - (size - 1) / 2


def _round(image: Tensor) -> Tensor:
    return image.double().add(0.5).floor().clamp(0, 255).to(torch.uint8)


def _correlate(image: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums around each pixel, in float64, as `imfilter` has them: of an even size, they reach further down."""
    height, width = weights.shape
    top, left = (height - 1) // 2, (width - 1) // 2
    padded = F.pad(image.double(), (left, width - 1 - left, top, height - 1 - top), mode="replicate")
    total = torch.zeros_like(image, dtype=torch.float64)
    for (y, x), weight in np.ndenumerate(weights.numpy()):
        total.add_(padded[..., y : y + image.shape[-2], x : x + image.shape[-1]], alpha=float(weight))
    return total


STEPS: dict[str, Callable[..., Tensor]] = {"bicubic": bicubic, "bd": bd, "blur": blur, "noise": noise, "jpeg": jpeg}
STEPS["anisotropic_blur"] = anisotropic_blur
SMALLER = ("bicubic", "bd")
LIMITS = {"angle": (-360, 360), "quality": (1, 100)}  # of other options: of sigma
PUBLISHED = {"bd(sigma=1.6)": "bd", "bicubic+noise(sigma=30)": "dn"}


@dataclass(frozen=True)
class Degradation:
    """A chain of steps with their options, each a value or the ends of a range from which it is drawn for every image.

    `seed` is that of the random numbers for whole images.
    """

    steps: tuple[tuple[str, dict[str, tuple[Any, ...]]], ...] = (("bicubic", {}),)
    seed: int = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any] | None) -> "Degradation":
        """What a user typed: `steps`, names in their order, the options of each by its name, and `seed`; None: bicubic.

        A name may end in a number, so that a step can be taken twice. Raises OptionError naming what is wrong.
        """
        if not options:
            return cls()
        names, seed = options.get("steps") or (), options.get("seed") or 0
        names = [names] if isinstance(names, str) else [str(name) for name in names]
        kinds = [name.rstrip("0123456789") for name in names]
        typed = f"degradation.steps=[{','.join(names)}]"
        if not {*kinds} <= STEPS.keys() or sum(map(kinds.count, SMALLER)) != 1 or len({*names}) < len(names):
            raise OptionError(f"{typed}: expected bicubic or bd once, any of {', '.join(STEPS)}, a second one as blur2")
        if unused := [key for key in options if key not in ("steps", "seed", *names)]:
            raise OptionError(
                f"degradation.{unused[0]}: does nothing: {typed} does not have it; add it or leave it out"
            )
        steps = tuple((kind, _read(name, kind, options)) for name, kind in zip(names, kinds, strict=True))
        if type(seed) is not int or seed < 0 or (seed and not cls(steps).random):
            raise OptionError(f"degradation.seed={seed}: expected a whole number from 0 up, where something is random")
        return cls(steps, seed)

    @property
    def random(self) -> bool:
        """Whether anything is drawn."""
        return any(kind == "noise" or any(len(ends) > 1 for ends in options.values()) for kind, options in self.steps)

    @property
    def text(self) -> str:
        """The name of a published one, else the steps with their options: "blur(sigma=0.2..2)+bicubic"."""
        parts = []
        for kind, options in self.steps:
            stated = " ".join(
                f"{key}={'..'.join(str(end).removesuffix('.0') for end in ends)}" for key, ends in options.items()
            )
            parts.append(f"{kind}({stated})" if stated else kind)
        text = "+".join(parts)
        return PUBLISHED.get(text, text) + (f" seed {self.seed}" if self.seed else "")

    def make(self, hr: Tensor, *, scale: int) -> Tensor:
        """LR of whole images, `Tensor[B, 3, sH, sW]`; what is random is a function of the seed and the pixels."""
        digest = hashlib.blake2b(f"{self.seed} {tuple(hr.shape)}".encode(), digest_size=16)
        digest.update(hr.contiguous().numpy().tobytes())
        key = int.from_bytes(digest.digest(), "little")
        return self._take(hr, scale, Random(np.random.Philox(key=key)))

    def make_patch(
        self, hr: Tensor, place: tuple[int, int], side: int, *, scale: int, seed: int, number: int
    ) -> Tensor:
        """An LR patch of `Tensor[3, sH, sW]`, as if cut from a whole image that was made with the same random values.

        `place` is its top and left, `side` its size, in LR pixels; what is random is a function of (seed, number).
        """
        rng = Random(np.random.Philox(key=seed + PATCHES, counter=number << 64))
        options = [(key, ends[-1]) for kind, given in self.steps if kind != "noise" for key, ends in given.items()]
        reach = BLOCK + 4 + math.ceil(3 * sum(end for key, end in options if key.startswith("sigma")))
        starts = [max(0, first - reach) // BLOCK * BLOCK for first in place]  # whole blocks of JPEG
        rows, columns = (slice(scale * s, scale * (p + side + reach)) for s, p in zip(starts, place, strict=True))
        made = self._take(hr[:, rows, columns][None], scale, rng)[0]
        top, left = (first - start for first, start in zip(place, starts, strict=True))
        return made[:, top : top + side, left : left + side]

    def _take(self, image: Tensor, scale: int, rng: Random) -> Tensor:
        for kind, options in self.steps:
            given = {key: ends[0] if len(ends) == 1 else rng.uniform(*ends) for key, ends in options.items()}
            given |= {"scale": scale} if kind in SMALLER else {"rng": rng} if kind == "noise" else {}
            image = STEPS[kind](image, **given)
        return image


def _read(name: str, kind: str, chain: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """All options of a step. Raises OptionError naming one that is wrong or missing."""
    typed, parameters = chain.get(name) or {}, signature(STEPS[kind]).parameters
    defaults = {key: each.default for key, each in parameters.items() if key not in ("image", "scale", "rng", "size")}
    if not isinstance(typed, Mapping) or not typed.keys() <= defaults.keys():
        raise OptionError(f"degradation.{name}={typed}: expected {', '.join(defaults) or 'no options'}")
    read = {}
    for key, default in defaults.items():
        value, (least, most) = typed.get(key, default), LIMITS.get(key, (0.01, 255))
        ends = tuple(value) if isinstance(value, Sequence) else (value,)
        right = all(type(end) in ((int,) if key == "quality" else (int, float)) for end in ends)
        if not right or len(ends) not in (1, 2) or [*ends] != sorted(ends) or not least <= ends[0] <= ends[-1] <= most:
            expected = f"expected a number from {least} to {most}, or [A,B], from A to B"
            raise OptionError(f"degradation.{name}.{key}={value if key in typed else None}: {expected}")
        read[key] = ends
    return read


BICUBIC = Degradation()
