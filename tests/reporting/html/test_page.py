"""One file that holds everything and loads nothing, whatever its text is."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from aldsr.reporting.html.page import encode_json, render_page

EVIL = '</script><!-- <b>&"'
HTML = {"scores": "<table></table>", "charts": "<ul></ul>", "statistics": "<section></section>"}
TEXT = dict.fromkeys(("title", "summary", "protocol", "images_note", "footer"), EVIL)


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


def test_text_is_escaped_and_images_stay_data() -> None:
    page = Elements(render_page(HTML, TEXT, [{"name": EVIL}]))
    assert page.text["title"].strip() == page.text["h1"].strip() == EVIL
    assert json.loads(page.text["data"]) == [{"name": EVIL}]
    assert page.loads == []
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"psnr": float("nan")})


def test_the_policy_allows_the_page_s_own_program_and_style_only() -> None:
    html = render_page(HTML, TEXT)
    policy = Elements(html).policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag, kind in (("style", "style-src"), ('script type="module"', "script-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</", html, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
