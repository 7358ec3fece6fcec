"""Images of other systems are matched to a set by their names, or refused."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from aldsr.data import BenchmarkSet, CachedPair, DataError
from aldsr.data.images import read_tensor
from aldsr.evaluation.predictions import find_predictions, match_predictions
from tests.closed import close_folder

FOLDER = Path("predictions")
Write = Callable[..., list[Path]]


def match(names: Sequence[str], files: Sequence[str]) -> list[str]:
    return [file.name for file in match_predictions(names, [FOLDER / file for file in files], FOLDER)]


@pytest.mark.parametrize("file", ["baby.png", "babyx4.png", "baby_x4_SR.png", "babyX4.PNG", "baby_HR_x4.png"])
@pytest.mark.parametrize("name", ["baby", "baby_HR_x4", "baby-gt", "babyx4"])
def test_file_is_matched_with_the_usual_suffixes(name: str, file: str) -> None:
    assert match(["woman", name], ["woman_x4.png", file]) == ["woman_x4.png", file]


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["Baby", "baby"], ["BabyX4_sr.png", "babyx4_SR.png"]),
        (["img", "img_1", "img_10"], ["img_x4_SR.png", "img_1_x4_SR.png", "img_10_x4_SR.png"]),
        (["a", "a_HR"], ["a.png", "a_HR.png"]),
        (["img_HR_x4", "img_10"], ["img_x4.png", "img_10_x4.png"]),
    ],
)
def test_the_longest_match_wins_in_any_order_of_the_files(names: list[str], files: list[str]) -> None:
    assert match(names, files) == match(names, files[::-1]) == files


@pytest.mark.parametrize(
    ("names", "files", "named"),
    [
        (["baby", "bird"], ["bird.png"], "'baby'"),
        (["n0", "n1", "n2", "n3", "n4", "n5"], ["n2.png"], "'n0', 'n1', 'n3' and 2 more"),
        *((["baby"], [file], f"'baby'.*'{file}'") for file in ("bab.png", "baby2.png", "ababy.png", "Baby.png")),
        (["baby"], ["baby.png", "babyx1.png"], "'babyx1.png'"),
        (["baby", "bird"], ["baby.png", "baby_x4.png", "bird.png"], "'baby.png' and 'baby_x4.png'"),
    ],
)
def test_missing_extra_and_ambiguous_files_are_named(names: list[str], files: list[str], named: str) -> None:
    with pytest.raises(DataError, match=f"^{FOLDER}: .*{named}"):
        match(names, files)


def benchmark(name: str, *images: str) -> BenchmarkSet:
    hr, lr = (torch.zeros(3, 16 // scale, 24 // scale, dtype=torch.uint8) for scale in (1, 4))
    return BenchmarkSet(name, [CachedPair(image, hr, lr) for image in images])


@pytest.fixture
def write(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes images of the size of those of `benchmark` into the user's folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return lambda *files, **size: [make_image(tmp_path / file, **{"width": 24, "height": 16, **size}) for file in files]


def test_one_set_lies_in_the_folder_or_in_one_of_its_name_which_comes_first(write: Write) -> None:
    files = write("bird_x4.png", "baby_x4.png")
    assert find_predictions("~", [benchmark("Set5", "bird", "baby")]) == [files]
    files = write("Set5/bird_x4.png", "Set5/baby_x4.png")
    assert find_predictions("~", [benchmark("Set5", "bird", "baby")]) == [files]


def test_several_sets_lie_in_a_folder_each(write: Write) -> None:
    second, first = write("B/a.png"), write("A/a.png", "A/b.png")
    assert find_predictions("~", [benchmark("B", "a"), benchmark("A", "a", "b")]) == [second, first]
    for name, reason in (("B", "no prediction of 'b'"), ("C", "no such folder")):
        with pytest.raises(DataError, match=f"/{name}: {reason}"):
            find_predictions("~", [benchmark("A", "a", "b"), benchmark(name, "a", "b")])


def test_another_size_is_named_and_an_image_on_its_side_is_measured_upright(write: Write) -> None:
    (file,) = write("a.png", width=16, height=24)
    with pytest.raises(DataError, match=r"/a\.png: is 16x24, expected 24x16"):
        find_predictions("~", [benchmark("Set5", "a")])
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(file) as image:
        image.save(file, exif=exif)
    assert find_predictions("~", [benchmark("Set5", "a")]) == [[file]]
    assert read_tensor(file).shape == (3, 16, 24)


@pytest.mark.parametrize("name", ["baby", "baby_x2", "baby_HR_x4"])
def test_a_file_that_says_another_scale_is_named(write: Write, name: str) -> None:
    for ending in ("", "_fix2", "_x2_of_x4", "_EDSR_Mx4"):
        (file,) = write(f"{name}{ending}.png")
        assert find_predictions("~", [benchmark("Set5", name)]) == [[file]]
        file.unlink()
    for ending in ("x2", "_x2_SR", "_EDSR_Mx2", "-SR.X2"):
        (file,) = write(f"{name}{ending}.png")
        with pytest.raises(DataError, match=f"/{file.name}: .*x2.*scale"):
            find_predictions("~", [benchmark("Set5", name)])
        file.unlink()


def test_a_folder_that_cannot_be_read_is_named_with_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close_folder(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=f"^predictions: {tmp_path}: cannot be read "):
        find_predictions(tmp_path, [BenchmarkSet("Set5", [])])
