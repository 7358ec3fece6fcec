"""Eight real photographs that come inside scikit-image's wheel: an evaluation set without a download."""

import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import skimage.data
from PIL import Image

LARGEST_SIDE = 640

PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "motorcycle": "motorcycle_left.png",
    "rocket": "rocket.jpg",
}


def write_photographs(folder: Path) -> None:
    """Write `folder/HR/astronaut.png` and seven more, unless `folder` is there already.

    Sizes are native, 300…640 pixels a side; only `motorcycle`, 741 wide, is cut to its middle. Pixels
    are those of scikit-image, uint8 in 0…255; `brick`, `camera` and `coins` are gray (mode L), the
    others RGB.

    Sources and licences, as `skimage.data` gives them: `astronaut` (NASA, Eileen Collins) and `rocket`
    (SpaceX, launch of DSCOVR), public domain; `camera` (Lav Varshney), `chelsea` (Stéfan van der Walt),
    `coffee` (Rachel Michetti) and `brick` (CC0Textures), CC0; `coins` (Brooklyn Museum), no known
    copyright restrictions; `motorcycle`, left view of a pair of the Middlebury 2014 stereo benchmark
    (Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR
    2014), shrunk four times by averaging.

    Args:
        folder: the data set's folder; it appears complete or not at all.
    """
    write_folder(folder, _write_hr)


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make `folder` by `fill`, so that no other process ever sees it half-written.

    `fill` gets an empty folder beside the final one, which is then renamed. An existing `folder` is
    left as it is; where another process finished first, its folder stays and this one is discarded.

    Args:
        folder: the final folder; its parents are made where they are missing.
        fill: writes the content into the folder that it is given.
    """
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}-{uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        fill(draft)
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # otherwise another process won the race: all is well
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_hr(folder: Path) -> None:
    # The files themselves: the functions of `skimage.data` may ask for a download.
    wheel = Path(skimage.data.__file__).parent
    (folder / "HR").mkdir()
    for name, file in PHOTOGRAPHS.items():
        with Image.open(wheel / file) as image:
            _middle(image).save(folder / "HR" / f"{name}.png")


def _middle(image: Image.Image) -> Image.Image:
    """The centre of a picture, at most `LARGEST_SIDE` pixels wide and high."""
    width, height = (min(side, LARGEST_SIDE) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))
