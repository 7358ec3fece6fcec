"""Training curves: what is read from the logs, and what is drawn of it."""

from pathlib import Path

import numpy as np
import pytest

from aldsr.evaluation.results import ResultsError
from aldsr.reporting.charts import curves
from tests.analysis.fake_runs import variants_by_name, write_variant

figure = pytest.importorskip("matplotlib.figure")


def test_a_network_is_a_line_with_the_range_of_its_seeds(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    write_variant(tmp_path, "DW-RDN", {"mine": [[30.0]]})
    for seed, folder in enumerate(sorted(tmp_path.iterdir())):
        rows = [f"{step},{seed + 1},{29 + seed if step == 19 else ''}" for step in range(20)]
        folder.joinpath("log.csv").write_text("\n".join(["step,loss,psnr_y", *rows, f"20,,{29 + seed}"]))
    variants = list(variants_by_name(tmp_path).values())
    loss, validation = figure.Figure().subplots(1, 2)
    curves.draw_loss(loss, variants)
    assert [line.get_label() for line in loss.lines] == ["RDN", "DW-RDN"]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), 2.5)
    band = loss.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((2, 3))
    curves.draw_validation(validation, variants)
    assert not validation.lines  # measured once


def test_smoothing_keeps_lines_and_averages_noise_and_seeds_are_averaged_where_all_have_steps() -> None:
    steps = np.arange(0.0, 1000, 5)
    noise = np.random.default_rng(0).normal(size=len(steps))
    assert np.std(curves.smooth((steps, noise))[1]) < 0.3
    at, values = curves.smooth((steps, 3 * steps))
    np.testing.assert_allclose(values[20:80], 3 * at[20:80], atol=5)
    few = np.array([1.0, 2, 3])
    found = curves.average_seeds([(few, few), (np.array([0.0, 2]), np.array([0.0, 4]))])
    assert [each.tolist() for each in found] == [[1, 2], [1.5, 3], [1, 2], [2, 4]]


def test_a_log_is_read_without_the_repeated_last_validation_and_named_if_damaged(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    assert len(curves.read_curve(log, "loss")[0]) == 0
    log.write_text("step,loss,psnr_y\n1,0.5,\n2,nan,\n9,,29.5\n19,,30\n20,,30\n")
    assert [each.tolist() for each in curves.read_curve(log, "loss")] == [[1], [0.5]]
    assert [each.tolist() for each in curves.read_curve(log, "psnr_y")] == [[9, 20], [29.5, 30]]
    for content in (b"step,loss\n1,much\n", b"\xff\xfe", b"loss\n0.5\n"):
        log.write_bytes(content)
        with pytest.raises(ResultsError, match=r"log\.csv"):
            curves.read_curve(log, "loss")
