"""The page in Chromium, from a file: its images by mouse, keyboard and touch, its charts, narrow and dark."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aldsr.report import main
from tests.planted import NAME
from tests.reporting.html.test_page import decode

pytestmark = pytest.mark.slow

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def address(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the page of the planted study."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    main([str(planted), "-o", str(file)])
    return file.as_uri()


@pytest.fixture
def open_page(address: str, browser: Any) -> Iterator[Open]:
    """Opens the page; afterwards nothing has gone wrong, and nothing was requested from any network."""
    wrong: list[str] = []
    own = ("file:", "data:", "blob:")

    def open_tab(*, width: int = 1200, view: str = "slider", **options: Any) -> Any:
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)
        page.on("request", lambda request: request.url.startswith(own) or wrong.append(request.url))
        page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.locator(f"input[value={view}]").check(force=True)
        page.locator(".panes").evaluate("panes => panes.scrollIntoView()")
        return page

    yield open_tab
    assert wrong == []


def read_images(page: Any) -> list[dict[str, Any]]:
    return list(json.loads(page.locator("#data").text_content()))


def read_transforms(page: Any) -> list[str]:
    """How every version is moved and magnified."""
    script = "all => all.map(each => getComputedStyle(each).transform)"
    return list(page.locator(".layer > *").evaluate_all(script))


def find_centre(page: Any) -> float:
    """The image's column in the middle of its frame."""
    frame, image = page.locator(".layer").first.bounding_box(), page.locator(".layer > *").first.bounding_box()
    return float(96 * (frame["x"] + frame["width"] / 2 - image["x"]) / image["width"])


def test_the_slider_compares_any_two_versions_of_any_image(open_page: Open) -> None:
    page = open_page()
    assert page.title() == page.locator("h1").text_content() == NAME
    divider, box = page.get_by_role("slider"), page.locator(".stage").bounding_box()
    for key, expected in (("ArrowRight", "52"), ("Shift+ArrowLeft", "42"), ("Home", "0"), ("End", "100")):
        divider.press(key)
        assert divider.get_attribute("aria-valuenow") == expected
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
    page.mouse.up()
    page.mouse.move(box["x"], box["y"])
    assert divider.get_attribute("aria-valuetext") == "25 % bicubic, 75 % RDN"
    assert "75%" in page.locator(".layer.left").evaluate("layer => getComputedStyle(layer).clipPath")

    assert page.locator(".strip label").all_text_contents() == ["image2mine", "image0mine", "image1mine"]
    page.get_by_role("radio", name="image1").check(force=True)
    assert page.locator(".versions caption").text_content() == "mine, image1: 96×64 pixels"
    page.get_by_role("radio", name="left: HR").check()
    page.get_by_role("radio", name="right: DW-RDN").check()
    assert page.locator(".tag").all_text_contents() == ["HR", "DW-RDN"]
    versions = read_images(page)[2]["versions"]
    shown = page.locator(".layer img").evaluate_all("all => all.map(each => each.src)")
    assert shown == [versions[3]["src"], versions[0]["src"]]  # the left one lies on top


def test_all_versions_share_one_zoom(open_page: Open) -> None:
    page = open_page(view="side")
    states = [read_transforms(page)]
    box = page.locator(".stage").nth(1).bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.wait_for_timeout(350)  # the page has scrolled to get here
    page.mouse.wheel(0, -300)
    page.locator(".panes.zoomed").wait_for()
    states.append(read_transforms(page))
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.up()
    states.append(read_transforms(page))
    page.locator(".panes").press("ArrowRight")
    states.append(read_transforms(page))
    assert all(len(state) == 4 and len(set(state)) == 1 for state in states)
    assert len({state[0] for state in states}) == 4
    assert page.locator(".layer img").first.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    page.locator(".panes").press("0")
    assert read_transforms(page) == states[0]

    page.mouse.dblclick(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    before = find_centre(page)
    assert before > 60  # of 96 columns
    page.get_by_text("Slider", exact=True).click()  # another view shows the same place
    assert find_centre(page) == pytest.approx(before, abs=0.5)


def test_error_maps_are_the_differences(open_page: Open) -> None:
    page = open_page(view="error")
    page.get_by_label("gain of the error maps").select_option("16")
    hr, _, rdn, _ = (decode(each["src"]).astype(int) for each in read_images(page)[0]["versions"])
    expected = (np.abs(rdn - hr) * 16).clip(0, 255)
    assert expected.max() > 0
    page.locator("canvas:not([aria-busy])").nth(2).wait_for()
    read = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    drawn = page.get_by_role("img", name="error of RDN", exact=True).evaluate(read)
    assert np.array_equal(np.array(drawn).reshape(64, 96, 4)[..., :3], expected)


@pytest.mark.parametrize(("view", "scheme"), [("slider", "light"), ("side", "dark"), ("error", "dark")])
def test_a_phone_shows_everything_without_sideways_scrolling_and_two_fingers_zoom(
    view: str, scheme: str, open_page: Open
) -> None:
    page = open_page(width=400, view=view, color_scheme=scheme, has_touch=True)
    strip = "strip => strip.append(...[...Array(9)].map(() => strip.lastChild.cloneNode(true)))"
    page.locator(".strip").evaluate(strip)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    ground = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 24)"}[scheme]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
    widths = page.locator("#charts img").evaluate_all("all => all.map(each => each.naturalWidth)")
    assert len(widths) == 2 + 4  # two networks; PSNR against parameters and multi-adds, loss, validation
    assert min(widths) > 0

    page.locator(".panes").evaluate("panes => panes.scrollIntoView()")
    touch, box = page.context.new_cdp_session(page), page.locator(".stage").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, distance in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchEnd", None)):
        points = [{"x": x - distance, "y": y, "id": 0}, {"x": x + distance, "y": y, "id": 1}] if distance else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.locator(".panes.zoomed").wait_for()
