"""One file that holds everything and loads nothing, whatever its text is."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path

import pytest

from aldsr.analysis.loading import read_variants
from aldsr.analysis.scores import compare_variants
from aldsr.reporting.html.page import render_charts, render_page
from tests.analysis.fake_runs import variants_by_name, write_variant

EVIL = '</script><!-- <b>&"'


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
