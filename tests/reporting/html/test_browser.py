"""The page in Chromium, from a file: its pictures and plots by mouse, keyboard and touch, narrow and dark."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aldsr.report import main
from tests.planted import NAME

pytestmark = pytest.mark.slow

Open = Callable[..., Any]
TRANSFORMS = "all => all.map(each => getComputedStyle(each).transform)"


@pytest.fixture(scope="module")
def address(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the page of the planted study."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    main([str(planted), "-o", str(file)])
    return file.as_uri()


@pytest.fixture
def opened(address: str, browser: Any) -> Iterator[Open]:
    """Opens the page; afterwards nothing has gone wrong, and nothing was asked of any network."""
    wrong: list[str] = []
    asked: set[str] = set()
    contexts = []

    def open_page(*, width: int = 1200, view: str = "slider", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.on("request", lambda request: asked.add(request.url.partition(":")[0]))
        context.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        page = context.new_page()
        page.goto(address)
        page.locator(f"input[value={view}]").check(force=True)
        page.locator(".panes").evaluate("panes => panes.scrollIntoView()")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
    assert asked <= {"file", "data", "blob"}


def clipped(page: Any) -> float:
    """Percent of the frame that the left version fills."""
    frame, shown = page.locator(".stage").bounding_box(), page.locator(".divider").bounding_box()
    clip = page.locator(".layer.left").evaluate("layer => getComputedStyle(layer).clipPath")
    share = 100 * (shown["x"] + shown["width"] / 2 - frame["x"]) / frame["width"]
    assert str(round(share)) in clip or str(round(100 - share)) in clip
    return round(share)


def middle(page: Any) -> float:
    """The column of the picture in the middle of its frame."""
    frame, image = page.locator(".layer").first.bounding_box(), page.locator(".layer > *").first.bounding_box()
    return 96 * (frame["x"] + frame["width"] / 2 - image["x"]) / image["width"]


def transforms(page: Any) -> list[str]:
    """How every version is moved and magnified."""
    found: list[str] = page.locator(".layer > *").evaluate_all(TRANSFORMS)
    return found


def test_divider_moves_by_key_and_mouse(opened: Open) -> None:
    page = opened()
    divider, box = page.get_by_role("slider"), page.locator(".stage").bounding_box()
    assert clipped(page) == 50
    for key, expected in (("ArrowRight", 52), ("Shift+ArrowLeft", 42), ("Home", 0), ("End", 100)):
        divider.press(key)
        assert clipped(page) == expected
        assert divider.get_attribute("aria-valuenow") == str(expected)
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    page.mouse.up()
    page.mouse.move(box["x"], box["y"])
    assert clipped(page) == 25
    assert divider.get_attribute("aria-valuetext") == "25 % bicubic, 75 % RDN"


def test_any_two_versions_are_compared(opened: Open) -> None:
    page = opened()
    page.get_by_role("radio", name="left: HR").check()
    page.get_by_role("radio", name="right: DW-RDN").check()
    assert page.locator(".tag").all_text_contents() == ["HR", "DW-RDN"]
    versions = json.loads(page.locator("#data").text_content())[0]["versions"]
    shown = page.locator(".layer img").evaluate_all("all => all.map(each => each.src)")
    assert shown == [versions[3]["src"], versions[0]["src"]]  # the left one lies on top


def test_zoom_is_one_for_all(opened: Open) -> None:
    page = opened(view="side")
    fitting = transforms(page)
    assert len(fitting) == 4
    box = page.locator(".stage").nth(1).bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.wait_for_timeout(350)  # the page has scrolled to be there
    page.mouse.wheel(0, -300)
    page.locator(".panes.zoomed").wait_for()
    near = transforms(page)
    assert len(set(near)) == 1
    assert near != fitting
    assert page.locator(".layer img").first.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.up()
    moved = transforms(page)
    assert len(set(moved)) == 1
    assert moved != near
    page.locator(".panes").press("ArrowRight")
    assert transforms(page) != moved
    page.locator(".panes").press("0")
    assert transforms(page) == fitting


def test_what_is_seen_stays_when_the_view_changes(opened: Open) -> None:
    page = opened()
    box = page.locator(".stage").bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    before = middle(page)
    assert before > 60  # of 96 columns
    page.get_by_text("Side by side").click()
    assert middle(page) == pytest.approx(before, abs=0.5)


def test_two_fingers_zoom(opened: Open) -> None:
    page = opened(width=400, has_touch=True)
    touch = page.context.new_cdp_session(page)
    box = page.locator(".stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.locator(".panes.zoomed").wait_for()


def test_error_maps_are_the_differences(opened: Open) -> None:
    page = opened(view="error")
    page.get_by_label("gain of the error maps").select_option("16")
    picture = json.loads(page.locator("#data").text_content())[0]
    hr, _, rdn, _ = (decoded(each["src"]) for each in picture["versions"])
    expected = np.abs(rdn.astype(int) - hr).__mul__(16).clip(0, 255)
    assert expected.max() > 0
    canvas = page.get_by_role("img", name="error of RDN", exact=True)
    read = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    page.locator("canvas:not([aria-busy])").nth(2).wait_for()
    drawn = np.array(canvas.evaluate(read)).reshape(64, 96, 4)
    assert np.array_equal(drawn[..., :3], expected)


def decoded(uri: str) -> np.ndarray:
    """The pixels of a data: URI."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))


def test_charts_are_shown(opened: Open) -> None:
    page = opened()
    images = page.locator("#charts img")
    sizes = images.evaluate_all("all => all.map(each => [each.complete, each.naturalWidth])")
    assert len(sizes) == 2 + 4  # two networks; PSNR against parameters and multi-adds, loss, validation
    assert all(complete and width > 0 for complete, width in sizes)


def test_pictures_and_names_are_as_they_were(opened: Open) -> None:
    page = opened()
    assert page.title() == page.locator("h1").text_content() == NAME
    assert page.locator(".strip label").all_text_contents() == ["image2mine", "image0mine", "image1mine"]
    page.get_by_role("radio", name="image1").check(force=True)
    assert page.locator(".versions caption").text_content() == "mine, image1: 96×64 pixels"


@pytest.mark.parametrize("view", ["slider", "side", "error"])
def test_a_phone_needs_no_sideways_scrolling(view: str, opened: Open) -> None:
    page = opened(width=400, view=view)
    page.locator(".strip").evaluate(
        "strip => strip.append(...[...Array(9)].map(() => strip.lastChild.cloneNode(true)))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_dark_is_dark(opened: Open) -> None:
    light, dark = (
        opened(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    )
    assert light == "rgb(255, 255, 255)"
    assert max(int(value) for value in dark.removeprefix("rgb(").rstrip(")").split(", ")) < 50
