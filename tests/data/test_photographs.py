"""The photographs of scikit-image's wheel, and folders that appear whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from aldsr.data.photographs import atomic_folder, write_photographs


def test_eight_photographs_with_the_pixels_of_scikit_image(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path / "photographs")
    assert [path.name for path in folder.iterdir()] == ["HR"]
    images = {path.stem: np.asarray(Image.open(path)) for path in (folder / "HR").glob("*.png")}
    assert images.pop("motorcycle").shape == (500, 640, 3)
    assert images.pop("rocket").shape == (427, 640, 3)
    assert images.keys() == {"astronaut", "brick", "camera", "chelsea", "coffee", "coins"}
    for name, image in images.items():
        np.testing.assert_array_equal(image, getattr(skimage.data, name)(), strict=True)


def test_a_folder_is_complete_or_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "set"
    with pytest.raises(FileExistsError), atomic_folder(folder) as draft:
        draft.mkdir()
    assert list(folder.parent.iterdir()) == []
    with atomic_folder(folder) as draft:
        (draft / "a").touch()
        assert not folder.exists()
    assert list(folder.parent.rglob("*")) == [folder, folder / "a"]


def test_who_loses_the_race_discards_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    with atomic_folder(folder) as draft:
        (draft / "who").write_text("loser")
        folder.mkdir()
        (folder / "who").write_text("winner")
    assert (folder / "who").read_text() == "winner"
    assert list(tmp_path.iterdir()) == [folder]
