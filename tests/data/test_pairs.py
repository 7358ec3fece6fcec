"""The folder layouts of the field, the pairs found in them, and the names of sets."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.data.datamodule import SuperResolutionData
from aldsr.data.images import DataError
from aldsr.data.layouts import SetFolders, find_folders
from aldsr.data.pairs import Pair, find_pairs, set_name


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_benchmark_layout_by_its_folder_or_its_hr_folder(tmp_path: Path) -> None:
    hr = touch(tmp_path / "Set5" / "HR", "lensx4.png", "baby.png")  # one whose own name ends like that of its LR
    lr = touch(tmp_path / "Set5" / "LR_bicubic" / "X4", "babyx4.png", "lensx4x4.png")
    pairs = {"baby": "babyx4.png", "lensx4": "lensx4x4.png"}
    expected = [Pair(name, hr / f"{name}.png", lr / lr_name) for name, lr_name in pairs.items()]
    assert find_pairs(tmp_path / "Set5", scale=4) == expected
    assert find_pairs(str(hr) + "/", scale=4) == expected


def test_plain_images_have_no_lr(tmp_path: Path) -> None:
    folder = touch(tmp_path / "holiday", "b.jpg", "a.png", "notes.txt")
    touch(tmp_path / "LR_bicubic" / "X4", "ax4.png", "bx4.png")  # beside a folder that is not called HR: not its own
    assert find_pairs(folder, scale=4) == [Pair("a", folder / "a.png", None), Pair("b", folder / "b.jpg", None)]


@pytest.mark.parametrize(
    ("folder", "given"), [("Set5/HR", "Set5/LR_bicubic/X2"), ("DIV2K_valid_HR", "DIV2K_valid_LR_bicubic/X2")]
)
def test_without_lr_of_this_scale_lr_is_left_to_be_made(tmp_path: Path, folder: str, given: str) -> None:
    hr, lr = touch(tmp_path / folder, "a.png"), touch(tmp_path / given, "ax2.png")
    assert find_pairs(hr, scale=4) == [Pair("a", hr / "a.png", None)]
    assert find_pairs(hr, scale=2) == [Pair("a", hr / "a.png", lr / "ax2.png")]


@pytest.mark.parametrize(
    ("given", "hr", "lr", "track"),
    [
        ("Set5", "Set5/HR/a.png", "Set5/LR_bicubic/x4/ax4.png", "bicubic"),
        ("Set5", "Set5/HR/a.png", "Set5/LR_unknown/X4/a.png", "unknown"),
        ("Set5", "Set5/HR/a.png", "Set5/LR/X4/a.png", None),
        ("Set5/HR", "Set5/HR/a.png", "Set5/LR_bicubic/a.png", "bicubic"),
        ("Set5", "Set5/hr/a.png", "Set5/lr/a_lr.png", None),
        ("Set5", "Set5/a.png", "Set5/LR_bicubic/X4/ax4.png", "bicubic"),
        ("Set5", "Set5/a.png", "Set5_LR/ax4.png", None),
        ("Set5/GTmod12", "Set5/GTmod12/a.png", "Set5/LRbicx4/a.png", "bicubic"),
        ("D_train_HR_sub", "D_train_HR_sub/1_s1.png", "D_train_LR_bicubic_X4_sub/1_s1.png", "bicubic"),
        ("D_train_HR_sub", "D_train_HR_sub/1_s1.png", "D_train_LR_bicubic/X4_sub/1_s1.png", "bicubic"),
        ("D_train_HR", "D_train_HR/1.png", "D_train_LR_bicubic_X4/D_train_LR_bicubic/X4/1x4.png", "bicubic"),
        ("Set5", "Set5/a.png", "LR/Set5/a.png", None),
        ("trainH", "trainH/a.png", "trainL/a.png", None),
        ("HR_train", "HR_train/a.png", "LR_train/ax4.png", None),
        ("D_train_HR", "D_train_HR/1.png", "D_train_LR_mild/1x4m.png", "mild"),
        ("D_train_HR", "D_train_HR/1.png", "D_train_LR_difficult/1x4d.png", "difficult"),
        ("D_train_HR", "D_train_HR/1.png", "D_train_LR_UNKNOWN/x4/1x4.png", "unknown"),
        ("HR/Set5", "HR/Set5/x4/a_HR_x4.png", "LR/LRBI/Set5/x4/a_LRBI_x4.png", "bicubic"),
        ("HR/Set5/x4", "HR/Set5/x4/a_HR_x4.png", "LR/LRBD/Set5/x4/a_LRBD_x4.png", "bd"),
    ],
)
def test_the_layouts_of_the_field(
    tmp_path: Path, make_image: Callable[..., Path], given: str, hr: str, lr: str, track: str | None
) -> None:
    big, small = make_image(tmp_path / hr), make_image(tmp_path / lr, width=16, height=12)
    assert find_pairs(tmp_path / given, scale=4) == [Pair(big.stem, big, small, track)]
    assert find_pairs(tmp_path / given, scale=4, lr="made") == [Pair(big.stem, big, None)]
    assert find_pairs(tmp_path / given, scale=4, lr=small.parent) == [Pair(big.stem, big, small, track)]
    assert not find_folders(tmp_path / given, 4).unused
    assert find_pairs(big.parent, scale=2)[0].lr is None


def test_several_lr_images_of_one_hr_are_pairs(tmp_path: Path) -> None:
    hr = touch(tmp_path / "D_train_HR", "1.png", "2.png")
    names = ("1x4w1", "1x4w2", "2x4w1")
    lr = touch(tmp_path / "D_train_LR_wild", *(f"{name}.png" for name in names))
    expected = [Pair(f"{n[0]}_{n[3:]}", hr / f"{n[0]}.png", lr / f"{n}.png", "wild") for n in names]
    assert find_pairs(hr, scale=4) == expected


def test_of_several_folders_bicubic_or_the_named_one_and_what_is_left_is_said(
    tmp_path: Path, make_image: Callable[..., Path]
) -> None:
    hr = make_image(tmp_path / "Set5/HR/a.png").parent
    lr = {t: make_image(tmp_path / f"Set5/LR_{t}/X4/ax4.png", width=16, height=12).parent for t in ("mild", "wild")}
    with pytest.raises(DataError, match=r"mild.*wild.*eval_lr_dirs"):
        find_pairs(hr, scale=4)
    assert find_pairs(hr, scale=4, lr=lr["wild"].parent)[0].track == "wild"
    bicubic = make_image(tmp_path / "Set5/LR_bicubic/X4/ax4.png", width=16, height=12).parent
    assert find_folders(hr, 4) == SetFolders(hr, bicubic, "bicubic", tuple(lr.values()))
    with pytest.raises(DataError, match="/none"):
        find_pairs(hr, scale=4, lr=tmp_path / "none")
    make_image(tmp_path / "holiday/low_res/b.png", width=16, height=12)
    make_image(tmp_path / "holiday/b.png")
    with pytest.warns(UserWarning, match=r"low_res.*data\.eval_lr_dirs"):
        SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[tmp_path / "holiday"]).setup("validate")


def test_missing_and_extra_lr_images_are_named(tmp_path: Path) -> None:
    hr = touch(tmp_path / "Set5" / "HR", "a.png", "b.png", "c.png", "d.png", "e.png")
    lr = touch(tmp_path / "Set5" / "LR_bicubic" / "X4", "ax4.png")
    with pytest.raises(DataError, match=rf"^{re.escape(str(lr))}: 'b', 'c', 'd' and 1 more .*'bx4\.png'"):
        find_pairs(hr, scale=4)
    hr = touch(tmp_path / "DIV2K_valid_HR", "a.png")
    touch(tmp_path / "DIV2K_valid_LR_bicubic" / "X2", "ax2.png", "bx2.png")
    with pytest.raises(DataError, match=rf"^{re.escape(str(hr))}: 'b'"):
        find_pairs(hr, scale=2)


@pytest.mark.parametrize("ending", ["_SRF_4_{}", "_{}_x4", "-{}"])
def test_lr_in_the_folder_of_hr_is_named(tmp_path: Path, ending: str) -> None:
    hr, lr = (f"img_001{ending.format(word)}.png" for word in ("HR", "LR"))
    touch(tmp_path / "Urban", hr, "img_LR.png", "img_002_HR.png")  # an image may be called so
    assert len(find_pairs(tmp_path / "Urban", scale=4)) == 3
    touch(tmp_path / "Urban", lr)
    with pytest.raises(DataError, match=f"/Urban: .*'{Path(lr).stem}'"):
        find_pairs(tmp_path / "Urban", scale=4)


@pytest.mark.parametrize(
    ("inside", "twins"),
    [("HR", ("a.jpg", "a.png")), ("LR_bicubic/X4", ("ax4.jpg", "ax4.png")), ("LR_bicubic/X4", ("a.png", "ax4.png"))],
)
def test_two_files_of_one_image_are_named(tmp_path: Path, inside: str, twins: tuple[str, str]) -> None:
    touch(tmp_path / "HR", "a.png")
    touch(tmp_path / inside, *twins)
    with pytest.raises(DataError) as refused:
        find_pairs(tmp_path, scale=4)
    assert all(twin in str(refused.value) for twin in twins)


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="/none: "):
        find_pairs(tmp_path / "none", scale=4)
    touch(tmp_path / "Set5" / "HR")
    with pytest.raises(DataError, match="/Set5/HR: "):
        find_pairs(tmp_path / "Set5", scale=4)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Set5", "Set5"), ("a/Set5/HR/", "Set5"), ("sets/DIV2K_valid_HR/", "DIV2K_valid"), ("a/../Urban100", "Urban100")],
)
def test_set_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, name: str) -> None:
    assert set_name(f"{tmp_path}/{folder}") == name
    monkeypatch.chdir(touch(Path(f"{tmp_path}/{folder}").resolve()))
    assert set_name(".") == name


@pytest.mark.parametrize(("link", "target", "typed"), [("Set5", "9f3a", "Set5"), ("Set5/HR", "9f3a", "Set5/HR")])
def test_sets_and_images_behind_links_have_the_names_that_were_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, target: str, typed: str
) -> None:
    file = touch(tmp_path / target, "a.png") / "a.png"
    (file.parent / "b.png").symlink_to(file)
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / target)
    assert set_name(tmp_path / typed) == "Set5"
    assert [pair.name for pair in find_pairs(tmp_path / typed, scale=4)] == ["a", "b"]
    monkeypatch.chdir(tmp_path / link)
    monkeypatch.setenv("PWD", str(tmp_path / link))  # as a shell does
    assert set_name(".") == "Set5"
