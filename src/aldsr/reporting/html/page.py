"""One HTML file that needs nothing else: tables, pictures, style and program are in it, and it may load no other."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

ASSETS = Path(__file__).parent / "assets"
# One module, in this order.
SCRIPTS = ("dom", "zoom", "gestures", "errormap", "viewer", "axes", "costplot", "curveplot", "page")


class Page(NamedTuple):
    """What stands on a page beside its pictures.

    Attributes:
        title, lead, protocol, footer: plain text.
        scores, statistics: HTML.
        notes: plain text, under "pictures" and "curves".
        data: what is drawn, as `assets/*.js` read it: `variants`, `bicubic`, `unit`.
    """

    title: str
    lead: str
    protocol: str
    scores: str
    statistics: str
    notes: Mapping[str, str]
    data: Mapping[str, Any]
    footer: str


def page_html(page: Page, *, pictures: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page as one HTML document.

    A Content-Security-Policy lets the browser run the page's own program, by its hash, and load nothing but the
    pictures that are in it.

    Args:
        page: its plain text is escaped here.
        pictures: see `page_pictures.picture`.
    """
    style = (ASSETS / "page.css").read_text()
    script = "\n".join((ASSETS / f"{name}.js").read_text() for name in SCRIPTS)
    text = {key: escape(getattr(page, key)) for key in ("title", "lead", "protocol", "footer")}
    return Template((ASSETS / "template.html").read_text()).substitute(
        text,
        **{key: escape(page.notes[key]) for key in ("pictures", "curves")},
        policy=policy(style, script),
        style=style,
        script=script,
        scores=page.scores,
        statistics=page.statistics,
        data=embedded({**page.data, "pictures": list(pictures)}),
    )


def policy(style: str, script: str) -> str:
    """A Content-Security-Policy for a page with this style and this program, and pictures as data: URIs.

    https://www.w3.org/TR/CSP3/
    """
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def embedded(data: Mapping[str, Any]) -> str:
    """Data as JSON that may stand in a script element: whatever is in it cannot end the element.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")


def definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """Words and what they say, as a definition list."""
    return f"<dl>{''.join(f'<dt>{escape(word)}</dt><dd>{escape(text)}</dd>' for word, text in pairs)}</dl>"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
