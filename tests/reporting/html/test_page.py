"""One file that holds everything and loads nothing, whatever its text is."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aldsr.analysis.loading import read_variants
from aldsr.analysis.scores import compare_variants
from aldsr.reporting.html.page import encode_json, render_charts, render_page
from tests.analysis.fake_runs import variants_by_name, write_variant

EVIL = '</script><!-- <b>&"'


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a study whose texts try to break out of their elements."""
    folder = tmp_path_factory.mktemp("study")
    for label in ("RDN", "DW-RDN"):
        write_variant(folder, label, {EVIL: [[30.0, 31.0]]}, study=EVIL)
    study, variants = read_variants([folder])
    return render_page(compare_variants(study, variants), [{"name": EVIL}])


class Elements(HTMLParser):
    """The text of elements, and whatever an element could load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.name = ""
        self.text: dict[str, str] = {}
        self.loads: list[str] = []
        self.policy = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        options = dict(attrs)
        self.name = options.get("id") or options.get("type") or tag
        self.loads += [str(value) for key, value in attrs if key in ("src", "href", "srcset", "action")]
        if options.get("http-equiv") == "Content-Security-Policy":
            self.policy = str(options["content"])

    def handle_data(self, data: str) -> None:
        self.text[self.name] = self.text.get(self.name, "") + data


def test_text_is_escaped_and_images_stay_data(html: str) -> None:
    page = Elements(html)
    assert page.text["title"].strip() == page.text["h1"].strip() == EVIL
    assert json.loads(page.text["data"]) == [{"name": EVIL}]
    assert "2 networks, x4, measured on" in html
    assert "<b>" not in html
    assert all(each.startswith("data:image/svg+xml;base64,") for each in page.loads)
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"psnr": float("nan")})


def test_the_policy_allows_the_page_s_own_program_and_style_only(html: str) -> None:
    policy = Elements(html).policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag, kind in (("style", "style-src"), ('script type="module"', "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</", html, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy


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
