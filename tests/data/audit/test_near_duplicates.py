"""Versions of one photograph are found, different photographs are not taken for one."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image, ImageEnhance, ImageOps

from aldsr.data.audit.near_duplicates import THRESHOLD, Signature, compute_signature, find_near_duplicates
from aldsr.data.photographs import PHOTOGRAPHS

FILES = [*PHOTOGRAPHS.values(), "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png", "page.png"]
DIAGONAL = [(place, place) for place in range(len(FILES))]


def signature(image: Image.Image) -> Signature:
    return compute_signature(torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1))


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    return [Image.open(Path(skimage.data.__file__).with_name(file)).convert("RGB") for file in FILES]


@pytest.fixture(scope="module")
def signatures(photographs: list[Image.Image]) -> list[Signature]:
    return [signature(image) for image in photographs]


def places(a: list[Signature], b: list[Signature]) -> list[tuple[int, int]]:
    return [(i, j) for i, j, _ in find_near_duplicates(a, b)]


def test_different_photographs_stay_well_below_the_threshold(
    signatures: list[Signature], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(find_near_duplicates(signatures, signatures))
    assert [correlation for *_, correlation in found] == pytest.approx([1.0] * len(FILES), abs=1e-5)
    monkeypatch.setattr("aldsr.data.audit.near_duplicates.THRESHOLD", THRESHOLD - 0.2)
    assert places(signatures, signatures) == DIAGONAL


def compress(image: Image.Image) -> Image.Image:
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=30)
        return Image.open(file).convert("RGB")


VERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG": compress,
    "gray": lambda image: image.convert("L"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "all of it": lambda image: compress(ImageOps.flip(image).rotate(90, expand=True).reduce(4)),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_found(photographs: list[Image.Image], signatures: list[Signature], version: str) -> None:
    number = len(PHOTOGRAPHS)
    others = [signature(VERSIONS[version](image)) for image in photographs[:number]]
    assert places(signatures, others) == DIAGONAL[:number]


def test_every_orientation_is_found(photographs: list[Image.Image], signatures: list[Signature]) -> None:
    turned = [signature(photographs[0].transpose(orientation)) for orientation in Image.Transpose]
    assert places(signatures, turned) == [(0, place) for place in range(7)]


def test_places_are_those_of_the_two_lists(signatures: list[Signature]) -> None:
    a, b, c = signatures[:3]
    assert places([a, b, c], [signatures[5], c, a, c]) == [(0, 2), (2, 1), (2, 3)]
    assert places([], []) == places(signatures, []) == places([], signatures) == []


def test_a_single_colour_resembles_nothing_and_a_narrow_image_itself(signatures: list[Signature]) -> None:
    flat = signature(Image.new("RGB", (100, 150), (10, 20, 31)))
    narrow = compute_signature(torch.randint(0, 256, (3, 200, 5), generator=torch.manual_seed(0), dtype=torch.uint8))
    assert places([flat, narrow], [*signatures, flat, narrow]) == [(1, len(FILES) + 1)]
