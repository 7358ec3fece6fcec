"""The photographs of scikit-image's wheel, and folders that appear whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from aldsr.data.photographs import atomic_folder, write_photographs


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    folder = tmp_path_factory.mktemp("data") / "photographs"
    write_photographs(folder)
    assert [path.name for path in folder.iterdir()] == ["HR"]
    return {path.stem: np.asarray(Image.open(path)) for path in sorted((folder / "HR").glob("*.png"))}


def test_eight_photographs_three_of_them_gray(photographs: dict[str, np.ndarray]) -> None:
    assert {name: image.shape for name, image in photographs.items()} == {
        "astronaut": (512, 512, 3),
        "brick": (512, 512),
        "camera": (512, 512),
        "chelsea": (300, 451, 3),
        "coffee": (400, 600, 3),
        "coins": (303, 384),
        "motorcycle": (500, 640, 3),
        "rocket": (427, 640, 3),
    }


@pytest.mark.parametrize("name", ["astronaut", "brick", "camera", "chelsea", "coffee", "coins"])
def test_pixels_are_those_of_scikit_image(photographs: dict[str, np.ndarray], name: str) -> None:
    np.testing.assert_array_equal(photographs[name], getattr(skimage.data, name)())


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
