"""Eight real photographs that come inside scikit-image's wheel: an evaluation set without a download."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import skimage.data
from PIL import Image

LARGEST_SIDE = 640

PNG = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins")
PHOTOGRAPHS = {**{name: f"{name}.png" for name in PNG}, "motorcycle": "motorcycle_left.png", "rocket": "rocket.jpg"}


def write_photographs(folder: Path) -> Path:
    """Write `folder/HR/astronaut.png` and seven more, unless `folder` exists; all of them or none. Returns `folder`.

    Sizes are native, 300…640 pixels a side; only `motorcycle`, 741 wide, is cropped to its centre. Pixels are those of
    scikit-image, uint8; `brick`, `camera` and `coins` are gray (mode L), the others RGB.

    Sources and licences, as `skimage.data` gives them: `astronaut` (NASA, Eileen Collins) and `rocket` (SpaceX, launch
    of DSCOVR), public domain; `camera` (Lav Varshney), `chelsea` (Stéfan van der Walt), `coffee` (Rachel Michetti) and
    `brick` (CC0Textures), CC0; `coins` (Brooklyn Museum), no known copyright restrictions; `motorcycle`, left view of a
    pair of the Middlebury 2014 stereo benchmark (Scharstein et al., "High-resolution stereo datasets with
    subpixel-accurate ground truth", GCPR 2014), shrunk four times by averaging.
    """
    if folder.exists():
        return folder
    package = Path(skimage.data.__file__).parent  # the files themselves: functions of `skimage.data` may download
    with atomic_folder(folder) as draft:
        (draft / "HR").mkdir()
        for name, file in PHOTOGRAPHS.items():
            with Image.open(package / file) as image:
                width, height = (min(side, LARGEST_SIDE) for side in image.size)
                left, top = (image.width - width) // 2, (image.height - height) // 2
                image.crop((left, top, left + width, top + height)).save(draft / "HR" / f"{name}.png")
    return folder


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write to, then rename it to `folder`: complete, or not there at all.

    If another process finishes first, its folder stays.
    """
    draft = folder.with_name(f".{folder.name}-{uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        yield draft
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # otherwise another process has made it
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
