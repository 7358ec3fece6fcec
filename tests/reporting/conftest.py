"""A study to make pages of, and a browser to look at them with."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reporting.planted import plant_study

CALM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two tiny networks; to be read only."""
    return plant_study(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skipped, saying so, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if (executable := shutil.which("chromium") or shutil.which("google-chrome")) is None:
        pytest.skip("no chromium in PATH")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, args=CALM)
        yield chromium
        chromium.close()
