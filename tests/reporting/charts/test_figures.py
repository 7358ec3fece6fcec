"""Figures in files: where, in which formats, and the same bytes for the same figure."""

from pathlib import Path

import pytest
from PIL import Image

from aldsr.reporting.charts.figures import FigureError, create_figure, prepare_output, render_svg, save_figure

FORMATS = ("png", "pdf", "svg")


@pytest.mark.parametrize("name", ["fig", "fig.png", "fig.PDF"])
def test_one_name_stands_for_every_format(name: str, tmp_path: Path) -> None:
    assert prepare_output(tmp_path / "new" / name, FORMATS) == [tmp_path / "new" / f"fig.{end}" for end in FORMATS]
    assert (tmp_path / "new").is_dir()


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FigureError, match=r"fig\.jpg"):
        prepare_output(Path("fig.jpg"), FORMATS)
    (tmp_path / "file").touch()
    with pytest.raises(FigureError, match="file"):
        prepare_output(tmp_path / "file" / "fig", FORMATS)
    (tmp_path / "fig.png").mkdir()
    with pytest.raises(FigureError, match=r"fig\.png"):
        save_figure(create_figure(width=10, height=10), [tmp_path / "fig.png"])
    monkeypatch.setattr("aldsr.reporting.charts.figures.find_spec", lambda name: None)
    with pytest.raises(FigureError, match=r"pip install 'aldsr\[figures\]'"):
        prepare_output(Path("fig"), FORMATS)


def test_the_same_figure_is_the_same_file(tmp_path: Path) -> None:
    written = []
    for name in ("first", "second"):
        figure = create_figure(width=300, height=200)
        figure.subplots().plot([1, 2], [3, 4], "o-", label="words")
        files = prepare_output(tmp_path / name, FORMATS)
        save_figure(figure, files)
        written.append([*(file.read_bytes() for file in files), render_svg(figure)])
    with Image.open(tmp_path / "first.png") as image:
        assert image.size == (300, 200)
    assert written[0] == written[1]
