"""Find the same photograph in two places, also rescaled, recompressed, brightened, made gray, flipped or turned.

An image is reduced to 32x32 luma without its low frequencies, which most photographs share. Over all pairs of 789
images (T91, BSDS500 but for 302003, Sun-Hays80, Set5, Set14, Urban100) two different photographs never correlated by
more than 0.39; Set5's "head" and Set14's "face", one photograph in two versions, by 0.97. Copies of 39 photographs of
B100 and Set14 that were scaled by 0.25 to 0.9, brightened, saved as JPEG of quality 30, made gray, flipped and turned,
or cropped by 2 % at each side were all found; with 3 % cropped 69 % were, with 5 % one in twenty. Smaller crops of a
photograph are not looked for.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 32
THRESHOLD = 0.6  # correlation from which two images are taken for one photograph

Signature = Tensor  # Tensor[SIDE · SIDE], zero mean, unit length


def compute_signature(image: Tensor) -> Signature:
    """Reduce an image to what is compared: `Tensor[3, H, W]`, uint8 → `Tensor[1024]`, float32."""
    small = F.interpolate(image.float().mean(0)[None, None], (SIDE, SIDE), mode="area")
    fine = small - F.avg_pool2d(F.pad(small, (2, 2, 2, 2), mode="reflect"), 5, 1)
    centred = fine.flatten() - fine.mean()
    length = centred.norm()
    return centred / length if length > 1 else torch.zeros_like(centred)  # one colour: nothing but rounding errors


def find_near_duplicates(a: Sequence[Signature], b: Sequence[Signature]) -> Iterator[tuple[int, int, float]]:
    """Yield the pairs that show one photograph: index in `a`, index in `b`, correlation (0.6 to 1).

    The correlation is that of the best of the eight orientations.
    """
    if not a or not b:
        return
    first, second = torch.stack(list(a)), torch.stack(list(b)).view(-1, SIDE, SIDE)
    orientations = (torch.rot90(each, turns, (-2, -1)) for each in (second, second.flip(-1)) for turns in range(4))
    correlation = torch.stack([first @ each.flatten(1).T for each in orientations]).amax(0)
    for i, j in (correlation >= THRESHOLD).nonzero().tolist():
        yield i, j, float(correlation[i, j])
