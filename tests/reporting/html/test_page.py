"""One file that holds everything and loads nothing, whatever its text is."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from aldsr.reporting.html.page import Page, embedded, page_html

EVIL = '</script><!-- <b>&"'
PAGE = Page(
    title=EVIL,
    lead=EVIL,
    protocol=EVIL,
    scores="<table></table>",
    statistics="<section></section>",
    notes={"pictures": EVIL, "curves": EVIL},
    data={"variants": [{"name": EVIL}]},
    footer=EVIL,
)


class Elements(HTMLParser):
    """The text of elements, and whatever an element could load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.name = ""
        self.found: dict[str, str] = {}
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
        self.found[self.name] = self.found.get(self.name, "") + data


def test_text_is_escaped_and_data_stay_data() -> None:
    page = Elements(page_html(PAGE, pictures=[{"name": EVIL}]))
    assert page.found["title"].strip() == page.found["h1"].strip() == EVIL
    assert json.loads(page.found["data"]) == {"variants": [{"name": EVIL}], "pictures": [{"name": EVIL}]}
    assert page.loads == []


def test_its_policy_allows_its_own_program_and_style_only() -> None:
    html = page_html(PAGE)
    page = Elements(html)
    style, script = (re.search(rf"<{tag}>(.*?)</", html, re.S) for tag in ("style", 'script type="module"'))
    assert style is not None
    assert script is not None
    for kind, content in (("style-src", style[1]), ("script-src", script[1])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in page.policy
    assert page.policy.startswith("default-src 'none'; img-src data:;")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"psnr": value})
