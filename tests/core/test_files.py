"""Files that any program can read and any file system can hold."""

import json
from math import inf, nan
from pathlib import Path

import pytest

from aldsr.core.files import short_name, write_json


def test_json_is_that_of_the_standard_in_a_file_whose_name_is_as_long_as_can_be(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 255)
    write_json(file, {"psnr": inf, "images": [{"a": (nan, -inf, 1.5)}], "name": "ä"})
    found = json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert found == {"psnr": None, "images": [{"a": [None, None, 1.5]}], "name": "ä"}


@pytest.mark.parametrize("name", ["n" * 216, "ä" * 108, "\udcff" * 216])
def test_a_name_that_is_too_long_is_cut_and_stays_unique(name: str, tmp_path: Path) -> None:
    short = [short_name(name), short_name(name + "2")]
    assert len({*short, short_name("short")}) == 3
    for each in short:
        (tmp_path / each).touch()
        assert len(each.encode()) <= 200
    assert short_name("short") == "short"
