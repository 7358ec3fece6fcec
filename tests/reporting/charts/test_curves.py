"""Training curves: what is read from the logs, and what is drawn of it."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts.curves import (
    LOSS,
    VALIDATION,
    average_seeds,
    draw_loss,
    draw_validation,
    read_curve,
    smooth,
)
from tests.analysis.fake_runs import variants_by_name, write_variant


def test_a_network_is_a_line_with_the_range_of_its_seeds(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[30.0]]})
    for seed, folder in enumerate(sorted(tmp_path.iterdir())):
        rows = [f"{step},{seed + 1},{29 + seed if step == 19 else ''}" for step in range(20)]
        folder.joinpath("log.csv").write_text("\n".join(["step,loss,psnr_y", *rows, f"20,,{29 + seed}"]))
    variants = list(variants_by_name(tmp_path).values())
    loss, validation = Figure().subplots(1, 2)
    draw_loss(loss, variants)
    assert [line.get_label() for line in loss.lines] == ["RDN", "DW-RDN"]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), 2.5)
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((2, 3))
    draw_validation(validation, variants)
    assert not validation.lines  # measured once


def test_smoothing_keeps_lines_and_averages_noise() -> None:
    steps = np.arange(0.0, 1000, 5)
    noise = np.random.default_rng(0).normal(size=len(steps))
    assert np.std(smooth((steps, noise))[1]) < 0.3
    at, values = smooth((steps, 3 * steps))
    np.testing.assert_allclose(values[20:80], 3 * at[20:80], atol=5)


def test_seeds_are_averaged_over_the_steps_that_all_reached() -> None:
    steps = np.array([1.0, 2, 3])
    found = average_seeds([(steps, steps), (np.array([0.0, 2]), np.array([0.0, 4]))])
    assert [each.tolist() for each in found] == [[1, 2], [1.5, 3], [1, 2], [2, 4]]


def test_a_log_is_read_without_the_repeated_last_validation(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    assert len(read_curve(log, LOSS)[0]) == 0
    log.write_text("step,loss,psnr_y\n1,0.5,\n2,nan,\n9,,29.5\n19,,30\n20,,30\n")
    assert [each.tolist() for each in read_curve(log, LOSS)] == [[1], [0.5]]
    assert [each.tolist() for each in read_curve(log, VALIDATION)] == [[9, 20], [29.5, 30]]


@pytest.mark.parametrize("content", [b"step,loss\n1,much\n", b"\xff\xfe", b"loss\n0.5\n"])
def test_a_damaged_log_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(ResultsError, match=r"log\.csv"):
        read_curve(tmp_path / "log.csv", LOSS)
