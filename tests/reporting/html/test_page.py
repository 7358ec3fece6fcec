"""The page: its tables and images, and one file that holds everything and loads nothing, whatever its text is."""

import base64
import hashlib
import html
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.analysis.loading import read_variants
from aldsr.analysis.scores import compare_variants
from aldsr.evaluation.views import View
from aldsr.reporting.html.images import describe_image, select_images
from aldsr.reporting.html.page import render_charts, render_page
from aldsr.reporting.html.tables import networks_sheet, render_sheet
from aldsr.reporting.tables.sheet import Cell, Column, Sheet
from tests.analysis.fake_runs import variants_by_name, write_variant

EVIL = '</script><!-- <b>&"'


@pytest.mark.needs("matplotlib")
def test_text_is_escaped_images_stay_data_and_only_the_page_s_own_program_and_style_run(tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {EVIL: [[30.0, 31.0]]}, study=EVIL)
    study, variants = read_variants([tmp_path])
    page = render_page(compare_variants(study, variants), [{"name": EVIL}])
    for tag in ("title", "h1"):
        assert re.findall(f"<{tag}>(.*?)</{tag}>", page) == [html.escape(EVIL)]
    (data,) = re.findall('id="data">(.*?)</script>', page)
    assert json.loads(data) == [{"name": EVIL}]
    assert "2 networks, x4, measured on" in page
    assert "<b>" not in page
    sources = re.findall('(?:src|href|srcset|action)="(.*?)"', page)
    assert sources
    assert all(each.startswith("data:image/svg+xml;base64,") for each in sources)
    assert "default-src 'none'; img-src data:;" in page
    for tag, kind in (("style", "style-src"), ('script type="module"', "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</", page, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in page


@pytest.mark.needs("matplotlib")
def test_every_set_and_cost_has_a_chart_and_every_network_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"Set5": [[30.0], [31.0]], "B100": [[27.0], [27.5]]})
    log = "step,loss,psnr_y\n" + "".join(f"{step},{1 / step},{20 + step}\n" for step in range(10, 60, 10))
    (tmp_path / "rdn-determinant-seed1" / "log.csv").write_text(log)
    charts = render_charts(list(variants_by_name(tmp_path).values()))
    costs = ("parameters (thousands)", "multi-adds (G), output 1280x720")
    assert re.findall(r'alt="([^"]+)"', charts) == [
        *(f"{name}: PSNR-Y (dB) against {cost}" for cost in costs for name in ("Set5", "B100")),
        "training loss, smoothed against step",
        "validation PSNR (dB) against step",
    ]
    assert re.findall("<li>.*?>([^<]+)</li>", charts) == ["RDN", "DW-RDN"]

    monkeypatch.setattr("aldsr.reporting.charts.figures.find_spec", lambda name: None)
    assert "pip install &#x27;aldsr[figures]&#x27;" in render_charts([])


def read_columns(study: Path) -> dict[str, list[Cell]]:
    """The cells of bicubic, RDN and DW-RDN, by heading."""
    sheet = networks_sheet("study", list(variants_by_name(study).values()))
    assert sheet.rows == ["bicubic", "RDN", "DW-RDN"]
    return {column.head: list(column.cells) for column in sheet.columns}


def test_networks_have_scores_gains_and_costs(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0, 32.0], [30.2, 32.2]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[27.999, 27.999]]})
    cells = read_columns(tmp_path)
    assert [cell[0] for cell in cells["mine"]] == ["28.00", "31.10 ± 0.15", "28.00"]
    assert [cell[-1] for cell in cells["mine"][1:]] == ["+3.10 dB", "+0.00 dB"]  # what rounds to zero has no minus
    assert cells["seeds"] == [("-",), ("2",), ("1",)]
    assert cells["training"][1] == ("0:00:01",)
    assert "1280×720 (s)" not in cells  # was not measured

    file = tmp_path / "dw-rdn-determinant-seed1" / "results.json"
    cost = {"device": "a CPU", "threads": 1, "unfolded": {"latency_s": 2.0}, "folded": {"latency_s": 1.25}}
    content = json.loads(file.read_text())
    file.write_text(json.dumps({**content, "measured": {"precision": "32-true"}, "cost": cost}))
    assert read_columns(tmp_path)["1280×720 (s)"] == [("-",), ("-",), ("1.25", "a CPU")]  # of the folded form


def test_a_sheet_is_escaped_and_marks_the_paper_s_columns() -> None:
    columns = [Column("<b>", [("1", "2 & 3")]), Column("RDN", [("4",)], paper=True), Column("who", [("x",)], left=True)]
    table = render_sheet(Sheet("ours", "set", ["a"], columns, "theirs"))
    for expected in (
        "<figcaption>ours · theirs</figcaption>",
        '<th scope="col" class="number">&lt;b&gt;</th>',
        '<th scope="col" class="number paper">paper: RDN</th>',
        '<th scope="row">a</th><td class="number"><span>1</span><span>2 &amp; 3</span></td>',
        '<td class="left"><span>x</span></td>',
    ):
        assert expected in table


def decode(uri: str) -> np.ndarray:
    """The pixels of a data: URI, which are RGB."""
    kind, _, content = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_images_in_which_networks_differ_most_come_first(tmp_path: Path) -> None:
    for label, psnr in (("RDN", [30.0, 35.0, 31.0, 30.0]), ("DW-RDN", [30.1, 33.0, 31.5, 30.0])):
        write_variant(tmp_path, label, {"mine": [psnr, [0.0, 99.0, 0.0, 99.0]]})  # only the lowest seed counts
    first, second = variants_by_name(tmp_path).values()
    assert select_images([first, second], "mine", 3) == ["image1", "image2", "image0"]
    assert select_images([first, second], "mine", 9) == ["image1", "image2", "image0", "image3"]
    assert select_images([second], "mine", 2) == ["image1", "image2"]  # farthest from bicubic, which has 28 dB


def test_a_window_is_cut_and_nothing_is_lost() -> None:
    images = torch.randint(0, 256, (4, 3, 24, 32), dtype=torch.uint8)
    scores = [(None, None), (30.0, 0.9), (29.0, 0.8), (math.inf, 1.0)]
    names = ["HR", "bicubic", "a", "perfect"]
    views = [View(name, image, *score) for name, image, score in zip(names, images, scores, strict=True)]
    window = (slice(8, 18), slice(16, 28))
    entry = describe_image("mine", "one", views, window)
    assert entry["caption"] == "mine, one: 32×24 pixels, of which 12×10 are shown"
    assert (entry["width"], entry["height"]) == (12, 10)
    assert [each.get("psnr") for each in entry["versions"]] == [None, "30.00", "29.00", "∞"]
    assert [each.get("gain") for each in entry["versions"]] == [None, None, "-1.00", None]
    for view, version in zip(views, entry["versions"], strict=True):
        assert np.array_equal(decode(version["src"]), view.image[:, *window].permute(1, 2, 0))
    assert describe_image("mine", "one", views, (slice(0, 24), slice(0, 32)))["caption"] == "mine, one: 32×24 pixels"
