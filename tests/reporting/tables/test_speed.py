"""Measurements as tables: those recorded by this project, what is missing from some, and how steps grow."""

import json
from pathlib import Path

import numpy as np
import pytest

from aldsr.reporting.tables.speed import find_series, growth_sheet, loading_sheet, resize_sheet, speed_sheet
from tests.reporting.recorded import growth, of_gpu, printed, record

FOLDER = Path(__file__).parents[3] / "experiments"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="experiments/ is not part of a wheel")
@pytest.mark.parametrize(
    ("file", "title", "row"),
    [
        (
            "speed/training",
            "training, paper size, a step of 16 patches, LR 48x48",
            "6 ALD-RDN 4.778 4.254-5.208 9.5 2.97 1,110 45%",
        ),
        ("speed/upscaling", "upscaling, paper size, LR 320x180", "6 ALD-RDN 2.017 1.787-2.261 11.7 3.18 546 56%"),
        ("cost/deployed", "deployed, output 1280x720", "1 RDN G=16 0.193 0.187-0.223 229 70%"),
    ],
)
def test_recorded_measurements_are_shown_again(file: str, title: str, row: str) -> None:
    text = printed(speed_sheet(Path(file).name, json.loads((FOLDER / f"{file}.json").read_text())))
    assert text.startswith(f"{title}: AMD EPYC, 2 threads ")
    assert row in text


def test_rows_hold_all_runs_and_the_largest_peak_or_say_that_the_process_was_killed() -> None:
    records = [record("literal", keep_memory=False), record("RDN", [3.0, 1.0], [2.0], micro_batches=4)]
    records[1]["processes"][1] |= {"peak_memory": None, "floor": 3.0}
    text = printed(speed_sheet("training", {"device": "here", "threads": 2, "training": records}))
    assert "1 literal killed: out of memory?" in text
    assert "2 RDN 2.000 1.000-3.000 - 1.00 1 100%" in text
    assert "1 ALD-RDN, the equations as typed in: 32-true, contiguous, the system's allocator" in text
    assert "2 RDN: 32-true, contiguous, 4 micro-batches, freed memory kept" in text


def test_times_of_a_gpu_are_milliseconds_beside_both_floors_relative_to_the_fastest_rdn() -> None:
    text = printed(speed_sheet("training", of_gpu()))
    assert text.startswith("training: a GPU, torch 9.9 ")
    assert "1 literal 200.00 200.00-200.00 1.0 0.12 1 5.00 10.00 5%" in text
    assert "3 RDN, graph 25.00 25.00-25.00 8.0 1.00 1 5.00 10.00 40%" in text
    assert "4 ALD-RDN, graph failed" in text
    assert "3 TB/s of copies, 700 TFLOP/s of matrix products in 32-true" in text
    assert "4 ALD-RDN: 32-true, contiguous, graph; failed: out of memory" in text
    assert "allocator" not in text


def test_loading_and_resizing_have_their_ratios() -> None:
    measurements = {
        "settings": {"patch_size": 8, "scale": 4},
        "loading": {"cut": 900.0, "augmented": 600.0, "float": 300.0, "decoding": 30.0},
        "resize": {"imresize": 0.02, "rows": 0.5},
    }
    assert "made float32 300 10" in printed(loading_sheet(measurements))
    assert "rounded twice 0.0200 25.0" in printed(resize_sheet(measurements))


def test_every_series_holds_the_others_at_their_largest() -> None:
    found = {(series.network, series.key): series for series in find_series(growth()["growth"])}
    assert len(found) == 6
    assert found["RDN", "batch"].amounts == [1, 2, 4, 8]
    assert found["RDN", "patch_size"].amounts == [16, 64, 144, 256]
    assert found["ALD-RDN", "D"].medians == [0.125, 0.25, 0.5, 1.0]
    one_batch = [each for each in growth()["growth"] if each["batch"] == 8]
    assert {series.key for series in find_series(one_batch)} == {"patch_size", "D"}


def test_the_exponent_is_that_of_the_growth() -> None:
    for series in find_series(growth(1.3)["growth"]):
        exponent, factor = series.line
        assert exponent == pytest.approx(1.3)
        fitted = np.polyfit(np.log(series.amounts), np.log(series.medians), 1)
        assert [exponent, np.log(factor)] == pytest.approx(fitted)


def test_linear_growth_takes_the_same_time_for_each() -> None:
    text = printed(growth_sheet(growth()))
    assert text.startswith("growth, small size, a step of up to 8 patches, LR up to 16x16: here, 2 threads")
    assert "ALD-RDN, patches 1 0.125 0.125-0.125 125" in text
    assert "8 1.000 1.000-1.000 125 1.00" in text
    assert "RDN, LR pixels 16 0.188 0.188-0.188 11.7" in text
