"""Folders of images that cannot be read: the folder that is closed is named, and who named it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.data.datamodule import SuperResolutionData
from aldsr.data.folders import UnreadableError, image_files, is_folder
from aldsr.data.images import DataError
from aldsr.data.pairs import find_pairs
from tests.closed import close_folder

MakeImage = Callable[..., Path]


@pytest.mark.parametrize("listed", [True, False])
def test_a_folder_that_cannot_be_read_is_named_not_what_may_be_inside(
    tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, *, listed: bool
) -> None:
    folder = make_image(tmp_path / "Set5" / "a.png").parent
    close_folder(monkeypatch, folder, listed=listed)
    said = rf"^{re.escape(str(folder))}: cannot be read \(permission denied\); .*\(chmod u\+rx\), or name another"
    for place in (folder, folder / "HR"):
        with pytest.raises(UnreadableError, match=said):
            find_pairs(place, scale=4)
        with pytest.raises(UnreadableError, match=said):
            image_files(place)


def test_a_name_that_no_file_can_have_is_no_folder(tmp_path: Path) -> None:
    assert not is_folder(Path("a\0b"))
    assert not is_folder(tmp_path / "nothing")
    (tmp_path / "file").touch()
    assert not is_folder(tmp_path / "file" / "HR")


@pytest.mark.parametrize(
    ("closed", "option"),
    [
        ("test", "data.eval_dirs"),
        ("test/HR", "data.eval_dirs"),
        ("test/LR", "data.eval_dirs"),  # found beside HR
        ("lr", "data.eval_lr_dirs"),
        ("lr/X4", "data.eval_lr_dirs"),
        ("train", "data.train_dirs"),
        ("train_lr", "data.train_lr_dirs"),
    ],
)
def test_the_option_that_named_it_is_named(
    closed: str, option: str, tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("test/HR", "train/HR"):
        make_image(tmp_path / folder / "a.png", width=64, height=64)
    for folder in ("lr/X4", "train_lr/X4", "test/LR"):
        make_image(tmp_path / folder / "a.png", width=16, height=16)
    lr = "lr/X4" if closed.startswith("lr") else None
    data = SuperResolutionData(
        scale=4, train_dirs=["train"], eval_dirs=["test"], eval_lr_dirs=[lr], train_lr_dirs=["train_lr"], patch_size=8
    )
    close_folder(monkeypatch, tmp_path / closed)
    with pytest.raises(DataError, match=rf"^{option}: (\S*/)?{closed}: cannot be read \(permission denied\); "):
        data.prepare_data()


@pytest.mark.parametrize("used", ["eval", "train"])
def test_a_cache_that_cannot_be_written_names_its_variable(
    used: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALDSR_CACHE", str(tmp_path / "file"))
    folders = {"eval": ([], None), "train": (None, [])}[used]
    data = SuperResolutionData(scale=4, train_dirs=folders[0], eval_dirs=folders[1], pictures=1)
    said = (
        rf"^{re.escape(str(tmp_path))}/file/embedded: cannot write .*\(Not a directory\); set ALDSR_CACHE to a folder"
    )
    with pytest.raises(DataError, match=said):
        data.prepare_data()
