"""Training images that a list names, and sets that are published in numbered folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aldsr.data import DataError, SuperResolutionData

MakeImage = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, make_image: MakeImage) -> Path:
    for number, name in enumerate(("0001000/a", "0001000/b", "0002000/c")):
        make_image(tmp_path / "HR" / "train" / f"{name}.png", seed=number)
        make_image(tmp_path / "X4" / "train" / f"{name}x4.png", width=16, height=12, seed=number)
    return tmp_path / "HR" / "train"


def trained_on(root: Path, **options: Any) -> list[str]:
    data = SuperResolutionData(scale=4, patch_size=6, train_dirs=[root], eval_dirs=[], **options)
    data.setup("fit")
    given = [not pair.lr_made for pair in data.train_pairs]
    assert given == [options["train_lr_dirs"] != ["made"]] * len(given)
    return [pair.name for pair in data.train_pairs]


def test_numbered_folders_are_one_set(root: Path) -> None:
    assert trained_on(root, train_lr_dirs=["made"]) == ["a", "b", "c"]
    assert trained_on(root, train_lr_dirs=[str(root.parents[1] / "X4" / "train")]) == ["a", "b", "c"]


def test_a_list_names_the_images(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text(f"0002000/c.png (48,64,3)\n\n{root}/0001000/b.png\n")
    for lr in ("made", str(tmp_path / "X4" / "train")):
        assert trained_on(root, train_list=str(file), train_lr_dirs=[lr]) == ["b", "c"]
    file.write_bytes(b"\xef\xbb\xbf0002000/c.png\r\n")  # as editors on Windows write it
    assert trained_on(root, train_list=str(file), train_lr_dirs=["made"]) == ["c"]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("0001000/a.png\n0001000/z.png", r"list\.txt, line 2: .*z\.png"),
        ("0001000/a.png\n\n0003000/a.png", r"list\.txt, line 3: .*0003000/a\.png"),
        ("0001000/a.png\n0001000/a.png (48,64,3)", r"list\.txt, line 2: 0001000/a\.png"),
        ("", r"list\.txt: .*train"),
        (None, r"list\.txt"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(root: Path, tmp_path: Path, content: str | None, named: str) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_text(content)
    with pytest.raises(DataError, match=named):
        trained_on(root, train_list=str(tmp_path / "list.txt"), train_lr_dirs=["made"])
