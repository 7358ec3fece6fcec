"""The page in Chromium: what it makes of a picture is what `aldsr upscale` makes of it."""

import base64
import io
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from aldsr import upscale
from aldsr.imaging import tiling
from aldsr.pictures.bands import tile_size
from aldsr.webapp.page import CREDIT, INSTALLED, compose_page
from tests.command import run_command
from tests.data.test_images import orientation

pytest.importorskip("onnxscript")

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FINISHED = "[data-state=done], #said.error"
TRANSFER = """([content, name]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(content), (byte) => byte.charCodeAt())], name));
  return transfer;
}"""


@pytest.fixture(scope="module")
def site(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, served as its command says."""
    runtime = Path(os.environ.get("ALDSR_ORT_WEB", ROOT / INSTALLED))
    if not runtime.is_dir():
        pytest.skip(f"no onnxruntime-web at {runtime}; run `make web`, or set ALDSR_ORT_WEB to the npm package")
    folder = tmp_path_factory.mktemp("site") / "page"
    compose_page(weights, folder, runtime=runtime)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def heard() -> dict[str, set[str | None]]:
    """What the tab has told: errors, and hosts that it asked for something."""
    return {"errors": set(), "hosts": set()}


@pytest.fixture(scope="module")
def visited(site: str, heard: dict[str, set[str | None]], browser: Any) -> Any:
    """The page with tiles of 32: one for all tests, as a visitor has one for many pictures."""
    tab = browser.new_page()
    tab.on("request", lambda request: heard["hosts"].add(urlsplit(request.url.removeprefix("blob:")).hostname))
    tab.on("console", lambda message: message.type == "error" and heard["errors"].add(message.text))
    tab.on("pageerror", lambda error: heard["errors"].add(str(error)))
    tab.goto(f"{site}?tile=32")
    return tab


@pytest.fixture
def page(visited: Any, heard: dict[str, set[str | None]]) -> Iterator[Any]:
    """The page; in the end nothing has gone wrong on it, and no other host was asked."""
    yield visited
    assert heard == {"errors": set(), "hosts": {"localhost"}}


def png(width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """Noise: no pixel is like its neighbours, and alpha takes every value."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, len(mode)), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise.squeeze(-1) if mode == "L" else noise).save(file, "PNG", **options)
    return file.getvalue()


def transfer(page: Any, content: bytes, name: str) -> Any:
    return page.evaluate_handle(TRANSFER, [base64.b64encode(content).decode(), name])


def drop(page: Any, content: bytes, name: str = "small.png") -> None:
    page.dispatch_event("#entrance", "drop", {"dataTransfer": transfer(page, content, name)})


def said(page: Any) -> str:
    """What the page says at the end."""
    page.wait_for_selector(FINISHED, state="attached")
    text: str = page.text_content("#said")
    return text


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "turned"])
def test_the_result_is_that_of_aldsr_upscale(mode: str, page: Any, weights: Path, tmp_path: Path) -> None:
    turned = mode == "turned"
    content = png(70, 50, exif=orientation(6)) if turned else png(70, 50, mode)
    (tmp_path / "small.png").write_bytes(content)
    options = ("-o", tmp_path, "--weights", weights, "--tile", 32, "--device", "cpu")
    assert run_command(upscale.main, tmp_path / "small.png", *options) == 0
    drop(page, content)
    size = "200 × 280" if turned else "280 × 200"
    assert said(page).startswith(f"Done: small.png is {size} pixels now, made in ")
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "small_x4.png"
    made, wanted = Image.open(download.value.path()), Image.open(tmp_path / "small_x4.png")
    assert (made.mode, made.size) == (wanted.mode, wanted.size)
    assert np.abs(np.asarray(made).astype(int) - np.asarray(wanted)).max() <= 1
    if mode == "RGB":  # what is seen is what is saved
        seen = page.evaluate("document.getElementById('after').toDataURL()").partition(",")[2]
        np.testing.assert_array_equal(Image.open(io.BytesIO(base64.b64decode(seen))).convert("RGB"), made)


def test_the_browser_lets_the_page_ask_no_other_host(page: Any, heard: dict[str, set[str | None]]) -> None:
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
    heard.update(errors=set(), hosts={"localhost"})


def test_tiles_lie_where_python_lays_them(page: Any) -> None:
    cases = [(size, tile) for tile in (17, 18, 32, 33, 128) for size in range(1, 250, 4)]
    theirs = page.evaluate(
        """async (cases) => {
          const { spans, tileSize } = await import("./tiling.js");
          const plain = (size, tile) => spans(size, tile).map(({ start, from, to }) => [start, from, to]);
          return JSON.stringify(cases.map(([size, tile]) => [plain(size, tile), tileSize(size, tile)]));
        }""",
        cases,
    )
    for (size, tile), found in zip(cases, json.loads(theirs), strict=True):
        spans = [[start, kept.start, kept.stop] for start, kept in tiling.tile_spans(size, tile, tiling.OVERLAP)]
        assert found == [spans, tile_size(size, tile)], (size, tile)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"Dear reader", "this browser cannot read it as a picture"),
        (png(70, 50)[:200], "this browser cannot read it as a picture"),
        (png(5000, 1), "is 5000 × 1 pixels; a browser's canvas bears up to 4.1 megapixels and 4096 pixels a side"),
    ],
    ids=["no picture", "truncated", "too large"],
)
def test_what_cannot_be_upscaled_is_one_sentence(content: bytes, sentence: str, page: Any) -> None:
    drop(page, content)
    page.wait_for_selector("#said.error")
    assert page.text_content("#said").startswith(f"small.png: {sentence}")
    assert page.is_hidden("#figure")


def test_a_picture_is_pasted_the_sample_is_credited_and_the_keyboard_will_do(page: Any) -> None:
    assert CREDIT in page.text_content("footer")
    pasted = transfer(page, png(20, 18), "image.png")
    page.evaluate("(clipboardData) => dispatchEvent(new ClipboardEvent('paste', { clipboardData }))", pasted)
    page.wait_for_selector("#said:has-text('image.png')")
    assert said(page).startswith("Done: image.png is 80 × 72 pixels now")
    page.focus("#sample")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:has-text('sample.png')")
    assert said(page).startswith("Done: sample.png is 600 × 400 pixels now")
    page.focus("#slider")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.getElementById('stage').style.getPropertyValue('--at')") == "49%"


def test_a_picture_in_work_is_cancelled_or_replaced_at_once(page: Any, site: str) -> None:
    page.goto(f"{site}?tile=17")
    drop(page, png(150, 150), "large.png")  # 134 x 134 tiles: a minute at least
    page.wait_for_selector("#bar[value]:not([value='0'])")
    assert "of 17956 tiles, about" in page.text_content("#left")
    page.click("#cancel", timeout=2000)
    assert page.text_content("#said") == "Cancelled: large.png."
    assert page.is_hidden("#figure")
    assert page.is_hidden("#progress")
    drop(page, png(150, 150), "large.png")
    page.wait_for_selector("#said:has-text('Upscaling large.png to 600 × 600 pixels')")
    drop(page, png(20, 18))
    assert said(page).startswith("Done: small.png is 80 × 72 pixels now")
