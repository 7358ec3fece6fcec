"""Versions of one photograph are found, different photographs are not taken for one."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from aldsr.data.audit.lookalike import ALIKE, Sketch, alike, likeness, sketch
from aldsr.data.photographs import PHOTOGRAPHS

FILES = [*PHOTOGRAPHS.values(), "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "page.png"]


def tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)


def sketched(image: Image.Image) -> Sketch:
    return sketch(tensor(image))


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    folder = Path(skimage.data.__file__).parent
    return [Image.open(folder / file).convert("RGB") for file in FILES]


@pytest.fixture(scope="module")
def sketches(pictures: list[Image.Image]) -> list[Sketch]:
    return [sketched(picture) for picture in pictures]


def places(a: list[Sketch], b: list[Sketch]) -> list[tuple[int, int]]:
    return [(i, j) for i, j, _ in alike(a, b)]


def diagonal(number: int) -> list[tuple[int, int]]:
    return [(place, place) for place in range(number)]


def test_different_photographs_stay_well_below_alike(sketches: list[Sketch]) -> None:
    correlations = likeness(sketches, sketches).fill_diagonal_(-1)
    assert float(correlations.max()) < ALIKE - 0.2


def test_a_photograph_resembles_itself(sketches: list[Sketch]) -> None:
    assert places(sketches, sketches) == diagonal(len(FILES))
    assert [found for *_, found in alike(sketches, sketches)] == pytest.approx([1.0] * len(FILES), abs=1e-5)


def recompressed(image: Image.Image) -> Image.Image:
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=30)
        return Image.open(file).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    x, y = round(0.02 * image.width), round(0.02 * image.height)
    return image.crop((x, y, image.width - x, image.height - y))


VERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "a quarter": lambda image: ImageOps.scale(image, 0.25),
    "nine tenths": lambda image: ImageOps.scale(image, 0.9),
    "another shape": lambda image: image.resize((200, 333)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "JPEG": recompressed,
    "gray": ImageOps.grayscale,
    "much of it": lambda image: recompressed(ImageOps.mirror(ImageOps.scale(image, 0.4)).convert("L").convert("RGB")),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_photograph_is_found_in_another_version(
    pictures: list[Image.Image], sketches: list[Sketch], version: str
) -> None:
    few = len(PHOTOGRAPHS)
    others = [sketched(VERSIONS[version](picture)) for picture in pictures[:few]]
    assert places(others, sketches) == diagonal(few)


def test_photographs_are_found_with_2_percent_cropped_at_each_side(
    pictures: list[Image.Image], sketches: list[Sketch]
) -> None:
    objects = [place for place, file in enumerate(FILES) if file not in ("brick.png", "grass.png", "gravel.png")]
    others = [sketched(cropped(pictures[place])) for place in objects]
    assert places(others, sketches) == list(enumerate(objects))


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flipped", [False, True], ids=["as it is", "flipped"])
def test_every_photograph_is_found_in_each_orientation(
    pictures: list[Image.Image], sketches: list[Sketch], turns: int, flipped: bool
) -> None:
    images = [tensor(picture) for picture in pictures]
    others = [sketch(torch.rot90(image.flip(-1) if flipped else image, turns, (-2, -1))) for image in images]
    assert places(sketches, others) == diagonal(len(FILES))


def test_the_places_are_those_of_the_two_lists(sketches: list[Sketch]) -> None:
    assert places(sketches[:3], [sketches[5], sketches[2], sketches[0], sketches[2]]) == [(0, 2), (2, 1), (2, 3)]


def test_nothing_is_found_among_nothing(sketches: list[Sketch]) -> None:
    assert places([], []) == places(sketches, []) == places([], sketches) == []


@pytest.mark.parametrize(
    "colour",
    [
        (0, 0, 0),
        (10, 20, 31),
        (255, 255, 255),
    ],
)
def test_a_picture_of_one_colour_resembles_nothing(sketches: list[Sketch], colour: tuple[int, int, int]) -> None:
    flat = sketched(Image.new("RGB", (100, 150), colour))
    assert places([flat], [*sketches, flat]) == []


def test_a_sketch_has_no_mean_and_unit_length(sketches: list[Sketch]) -> None:
    for each in sketches:
        assert each.shape == (1024,)
        assert float(each.mean()) == pytest.approx(0, abs=1e-6)
        assert float(each.norm()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("width", "height"), [(3, 4), (5, 200), (31, 33)])
def test_a_small_or_narrow_picture_resembles_its_mirror_image_only(
    sketches: list[Sketch], width: int, height: int
) -> None:
    image = torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mirrored = sketch(image.flip(-1))
    assert places([sketch(image)], [*sketches, mirrored]) == [(0, len(FILES))]
