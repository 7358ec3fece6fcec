"""The charts of the page."""

import base64
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aldsr.reporting.html.page import render_charts
from tests.analysis.fake_runs import variants_by_name, write_variant


def test_every_set_and_cost_has_a_chart_and_every_network_a_mark(tmp_path: Path) -> None:
    for label in ("RDN", "DW-RDN"):
        write_variant(tmp_path, label, {"Set5": [[30.0], [31.0]], "B100": [[27.0], [27.5]]})
    log = "step,loss,psnr_y\n" + "".join(f"{step},{1 / step},{20 + step}\n" for step in range(10, 60, 10))
    (tmp_path / "rdn-determinant-seed1" / "log.csv").write_text(log)
    html = render_charts(list(variants_by_name(tmp_path).values()))
    assert re.findall(r'alt="([^"]+)"', html) == [
        "Set5: PSNR-Y (dB) against parameters (thousands)",
        "B100: PSNR-Y (dB) against parameters (thousands)",
        "Set5: PSNR-Y (dB) against multi-adds (G), output 1280x720",
        "B100: PSNR-Y (dB) against multi-adds (G), output 1280x720",
        "training loss, smoothed against step",
        "validation PSNR (dB) against step",
    ]
    assert re.findall("<li>.*?>([^<]+)</li>", html) == ["RDN", "DW-RDN"]
    for source in re.findall('data:image/svg.xml;base64,([^"]+)', html):
        assert ElementTree.fromstring(base64.b64decode(source)).tag.endswith("svg")


def test_without_matplotlib_the_page_says_how_to_get_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aldsr.reporting.charts.figures.find_spec", lambda name: None)
    assert "pip install &#x27;aldsr[figures]&#x27;" in render_charts([])
