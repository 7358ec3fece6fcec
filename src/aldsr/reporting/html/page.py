"""One HTML file that needs nothing else: tables, images, style and program are in it, and it loads no other file."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("dom", "zoom", "gestures", "errormap", "viewer", "page")  # joined in this order into one module


def render_page(html: Mapping[str, str], text: Mapping[str, str], images: Sequence[Mapping[str, Any]] = ()) -> str:
    """Fill the template `assets/template.html`.

    A Content-Security-Policy lets the browser run the page's own program, by its hash, and load nothing but the
    images that are in the page.

    Args:
        html: fields that are HTML: `scores`, `charts`, `statistics`.
        text: fields that are plain text, escaped here: `title`, `summary`, `protocol`, `images_note`, `footer`.
        images: what the viewer shows, see `images.describe_image`.
    """
    style = (ASSETS / "page.css").read_text()
    script = "\n".join((ASSETS / f"{name}.js").read_text() for name in SCRIPTS)
    return Template((ASSETS / "template.html").read_text()).substitute(
        html,
        **{key: escape(value) for key, value in text.items()},
        policy=build_policy(style, script),
        style=style,
        script=script,
        images=encode_json(images),
    )


def build_policy(style: str, script: str) -> str:
    """Build a Content-Security-Policy for a page with this style, this program and images as data: URIs.

    https://www.w3.org/TR/CSP3/
    """
    return (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def encode_json(data: Any) -> str:
    """Encode data for a script element: no text in it can end the element.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", r"\u003c")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
