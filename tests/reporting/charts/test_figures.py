"""Figures in files: where, in which formats, and the same bytes for the same figure."""

from pathlib import Path

import pytest
from PIL import Image

from aldsr.reporting.charts.canvas import FigureError, canvas, drawn_files, write


@pytest.mark.parametrize("name", ["fig", "fig.png", "fig.PDF"])
def test_one_name_stands_for_every_format(name: str, tmp_path: Path) -> None:
    found = drawn_files(tmp_path / "new" / name, ("png", "pdf"))
    assert found == [tmp_path / "new" / "fig.png", tmp_path / "new" / "fig.pdf"]
    assert (tmp_path / "new").is_dir()


def test_another_ending_is_refused() -> None:
    with pytest.raises(FigureError, match=r"fig\.jpg: ends in '\.jpg', expected \.png or \.pdf"):
        drawn_files(Path("fig.jpg"), ("png", "pdf"))


def test_without_matplotlib_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.reporting.charts.canvas.find_spec", lambda name: None)
    with pytest.raises(FigureError, match=r"pip install 'aldsr\[figures\]'"):
        drawn_files(Path("fig"), ("png",))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FigureError, match="file: cannot be made"):
        drawn_files(tmp_path / "file" / "fig", ("png",))


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        figure = canvas(width=300, height=200)
        figure.subplots().plot([1, 2], [3, 4], "o-", label="words")
        files = drawn_files(tmp_path / name, ("png", "pdf", "svg"))
        write(figure, files)
        written.append([file.read_bytes() for file in files])
    with Image.open(tmp_path / "first.png") as image:
        assert image.size == (300, 200)
    assert written[0] == written[1]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "fig.png").mkdir()
    with pytest.raises(FigureError, match=r"fig\.png: cannot be written"):
        write(canvas(width=10, height=10), [tmp_path / "fig.png"])
