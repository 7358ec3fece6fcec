"""Figures in files: where, in which formats, and the same bytes for the same figure."""

from pathlib import Path

import pytest
from PIL import Image

from aldsr.reporting.charts.figures import FigureError, create_figure, prepare_output, render_svg, save_figure

FORMATS = ("png", "pdf", "svg")


def test_the_same_figure_is_the_same_file_in_every_format(tmp_path: Path) -> None:
    written = []
    for name in ("first/fig", "second/fig.png", "third/fig.PDF"):
        figure = create_figure(width=300, height=200)
        figure.subplots().plot([1, 2], [3, 4], "o-", label="words")
        files = prepare_output(tmp_path / name, FORMATS)
        save_figure(figure, files)
        assert [file.name for file in files] == ["fig.png", "fig.pdf", "fig.svg"]
        written.append([*(file.read_bytes() for file in files), render_svg(figure)])
    with Image.open(tmp_path / "first/fig.png") as image:
        assert image.size == (300, 200)
    assert written[0] == written[1] == written[2]


def test_what_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for output in ("fig.jpg", "file/fig"):
        with pytest.raises(FigureError, match=output.removesuffix("/fig")):
            prepare_output(tmp_path / output, FORMATS)
    monkeypatch.setattr("aldsr.reporting.charts.figures.find_spec", lambda name: None)
    with pytest.raises(FigureError, match=r"pip install 'aldsr\[figures\]'"):
        prepare_output(Path("fig"), FORMATS)
