"""Other systems' images are matched to a set by the field's file names, or refused in one sentence."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.data import BenchmarkSet, CachedPair, DataError
from aldsr.evaluation.predictions import find_predictions, match_files, read_prediction

FOLDER = Path("predictions")


def matched(names: Sequence[str], files: Sequence[str]) -> list[str]:
    return [file.name for file in match_files(names, [FOLDER / file for file in files], FOLDER)]


def refusal(names: Sequence[str], files: Sequence[str]) -> str:
    with pytest.raises(DataError) as refused:
        matched(names, files)
    message = str(refused.value)
    assert message.startswith(f"{FOLDER}: ")
    assert "\n" not in message
    return message


# Names


@pytest.mark.parametrize(
    "file",
    [
        "baby.png",
        "babyx4.png",
        "baby_x4.png",
        "baby_x4_SR.png",
        "baby_RDN_x4.png",
        "baby-sr.png",
        "baby_SR.bmp",
        "babyx2_RDN.png",
        "babyX4.PNG",
        "baby.x4.png",
        "baby_HR_x4.png",
    ],
)
@pytest.mark.parametrize("name", ["baby", "baby_HR_x4", "baby_GT", "baby_HR", "babyx4", "baby-gt"])
def test_file_is_matched_by_the_fields_suffixes(name: str, file: str) -> None:
    others = ["woman_x4.png", "bird.png"]
    assert matched(["woman", name, "bird"], [*others, file]) == ["woman_x4.png", file, "bird.png"]


@pytest.mark.parametrize("file", ["bab.png", "baby2.png", "babyish_x4.png", "ababy.png", "x4_baby.png", "babyx1.png"])
def test_file_of_another_name_is_not_matched(file: str) -> None:
    assert f"'{file}' there fits no image of the set" in refusal(["baby"], [file])


def test_case_of_a_name_counts_and_that_of_a_suffix_does_not() -> None:
    assert matched(["Baby", "baby"], ["BabyX4_sr.png", "babyx4_SR.png"]) == ["BabyX4_sr.png", "babyx4_SR.png"]
    assert "no prediction of 'baby'" in refusal(["baby"], ["Baby.png"])


@pytest.mark.parametrize("suffix", ["", "x4", "_x4", "_x4_SR", "_RDN_x4"])
def test_longest_name_wins(suffix: str) -> None:
    names = ["img", "img_1", "img_10", "img_100"]
    files = [f"{name}{suffix}.png" for name in names]
    assert matched(names, files) == files
    assert matched(names, list(reversed(files))) == files


def test_order_is_that_of_the_names() -> None:
    assert matched(["c", "a", "b"], ["a.png", "b_x4.png", "cx4.png"]) == ["cx4.png", "a.png", "b_x4.png"]


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["max2", "max3"], ["max2.png", "max3.png"]),
        (["a", "a_HR"], ["a.png", "a_HR.png"]),
        (["img_HR_x4", "img_10"], ["img_x4.png", "img_10_x4.png"]),
    ],
)
def test_the_longest_part_that_fits_wins_over_what_may_be_cut_off_a_name(names: list[str], files: list[str]) -> None:
    assert matched(names, files) == files


def test_missing_image_is_named_with_the_file_that_was_expected() -> None:
    message = refusal(["baby", "bird"], ["bird.png"])
    assert "no prediction of 'baby'; expected 'baby.png' or a name such as 'baby_x4_SR.png'" in message
    assert "fits no image" not in message


def test_of_many_missing_images_three_are_named_and_the_others_counted() -> None:
    message = refusal([f"n{number}" for number in range(6)], ["n2.png"])
    assert "no prediction of 'n0', 'n1', 'n3' and 2 more;" in message


def test_missing_image_is_laid_beside_a_file_that_fits_none() -> None:
    assert "no prediction of 'baby'; " in refusal(["baby", "bird"], ["bird.png", "babe.png"])
    assert refusal(["baby", "bird"], ["bird.png", "babe.png"]).endswith("'babe.png' there fits no image of the set")


def test_files_beyond_the_set_are_named() -> None:
    message = refusal(["baby"], ["baby.png", "bird_x4.png"])
    assert "'bird_x4.png' fits no image of the set (1 images); remove or rename it" in message
    message = refusal(["baby"], ["baby.png", *(f"e{number}.png" for number in range(5))])
    assert "'e0.png', 'e1.png', 'e2.png' and 2 more fits no image" in message


def test_two_files_of_one_image_are_both_named() -> None:
    message = refusal(["baby", "bird"], ["baby.png", "baby_x4.png", "bird.png"])
    assert "'baby.png' and 'baby_x4.png' could both be of 'baby'; remove one of them" in message


# Folders


def benchmark(name: str, *images: str, width: int = 24, height: int = 16) -> BenchmarkSet:
    def blank(scale: int) -> torch.Tensor:
        return torch.zeros(3, height // scale, width // scale, dtype=torch.uint8)

    return BenchmarkSet(name, [CachedPair(image, blank(1), blank(4)) for image in images])


@pytest.fixture
def write(tmp_path: Path, make_image: Callable[..., Path]) -> Callable[..., list[Path]]:
    """Writes pictures of the size that `benchmark` expects below a folder."""

    def write(*files: str, width: int = 24, height: int = 16) -> list[Path]:
        return [make_image(tmp_path / file, width=width, height=height) for file in files]

    return write


@pytest.mark.parametrize("inside", ["", "Set5/"])
def test_one_set_lies_in_the_folder_or_in_one_of_its_name(
    tmp_path: Path, write: Callable[..., list[Path]], inside: str
) -> None:
    files = write(f"{inside}bird_x4.png", f"{inside}baby_x4.png")
    assert find_predictions(tmp_path, [benchmark("Set5", "bird", "baby")]) == [files]
    assert find_predictions(str(tmp_path), [benchmark("Set5", "bird", "baby")]) == [files]


def test_folder_of_the_sets_name_goes_before_the_files_around_it(
    tmp_path: Path, write: Callable[..., list[Path]]
) -> None:
    write("baby.png")
    assert find_predictions(tmp_path, [benchmark("Set5", "baby")]) == [[tmp_path / "baby.png"]]
    write("Set5/baby.png")
    assert find_predictions(tmp_path, [benchmark("Set5", "baby")]) == [[tmp_path / "Set5" / "baby.png"]]


def test_several_sets_lie_in_a_folder_each(tmp_path: Path, write: Callable[..., list[Path]]) -> None:
    # Both sets have an image "a"; the order is that of the sets.
    second, first = write("B/a.png"), write("A/a.png", "A/b.png")
    assert find_predictions(tmp_path, [benchmark("B", "a"), benchmark("A", "a", "b")]) == [second, first]


def test_several_sets_in_one_folder_are_refused(tmp_path: Path, write: Callable[..., list[Path]]) -> None:
    write("a.png", "A/a.png")
    with pytest.raises(DataError, match=r"/B: no such folder; predictions of several sets \(A, B\) lie in one folder"):
        find_predictions(tmp_path, [benchmark("A", "a"), benchmark("B", "a")])


def test_the_folder_that_lacks_an_image_is_named(tmp_path: Path, write: Callable[..., list[Path]]) -> None:
    write("A/a.png", "B/b.png")
    with pytest.raises(DataError, match=r"/B: no prediction of 'a'"):
        find_predictions(tmp_path, [benchmark("A", "a"), benchmark("B", "a", "b")])


@pytest.mark.parametrize(("width", "height"), [(16, 24), (24, 15), (6, 4)])
def test_prediction_of_another_size_is_named_with_both_sizes(
    tmp_path: Path, write: Callable[..., list[Path]], width: int, height: int
) -> None:
    write("a.png")
    write("b_x4.png", width=width, height=height)
    with pytest.raises(DataError, match=rf"/b_x4\.png: is {width}x{height}, expected 24x16, the size of HR"):
        find_predictions(tmp_path, [benchmark("Set5", "a", "b")])


def test_prediction_on_its_side_is_measured_upright(tmp_path: Path, write: Callable[..., list[Path]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (file,) = write("a.png", width=16, height=24)
    with Image.open(file) as image:
        image.save(file, exif=exif)
    assert find_predictions(tmp_path, [benchmark("Set5", "a")]) == [[file]]
    assert read_prediction(file).shape == (3, 16, 24)


def test_empty_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image file"):
        find_predictions(tmp_path, [benchmark("Set5", "a")])
    with pytest.raises(DataError, match="/none: expected a folder of images, found nothing there"):
        find_predictions(tmp_path / "none", [benchmark("Set5", "a")])
    (tmp_path / "Set5").mkdir()
    with pytest.raises(DataError, match="/Set5: holds no image file"):
        find_predictions(tmp_path, [benchmark("Set5", "a")])


def test_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image at all\n")
    with pytest.raises(DataError, match=r"/a\.png: cannot be read as an image"):
        find_predictions(tmp_path, [benchmark("Set5", "a")])


def test_home_folder_is_known(
    tmp_path: Path, write: Callable[..., list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = write("mine/a.png")
    assert find_predictions("~/mine", [benchmark("Set5", "a")]) == [files]


# Images


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_prediction_is_read_as_channels_of_uint8(tmp_path: Path) -> None:
    pixels = noise(5, 7, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = read_prediction(tmp_path / "a.png")
    assert read.dtype == torch.uint8
    assert read.is_contiguous()
    np.testing.assert_array_equal(read.numpy(), np.moveaxis(pixels, 2, 0))


def test_gray_prediction_is_replicated(tmp_path: Path) -> None:
    pixels = noise(5, 7)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_prediction(tmp_path / "a.png").numpy(), np.stack([pixels] * 3))


def test_alpha_of_a_prediction_is_dropped(tmp_path: Path) -> None:
    pixels = noise(5, 7, 4)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_prediction(tmp_path / "a.png").numpy(), np.moveaxis(pixels[..., :3], 2, 0))
