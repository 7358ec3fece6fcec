"""What the page plots."""

import math
from pathlib import Path
from statistics import fmean

import pytest

from aldsr.evaluation.results import ResultsError
from aldsr.reporting.html.plots import POINTS, bicubic_psnr, curves, plotted
from tests.analysis.fake_runs import read_variants, write_variant


def test_networks_have_scores_costs_and_a_curve_for_each_seed(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"mine": [[30.0], [31.0]]})
    (tmp_path / "rdn-determinant-seed2" / "log.csv").write_text("step,loss,psnr_y\n1,0.5,\n2,,29.5\n")
    found = list(read_variants(tmp_path).values())
    (network,) = plotted(found)
    assert network["scores"]["mine"] == {"psnr": 30.5, "sd": pytest.approx(math.sqrt(0.5))}
    assert (network["parameters"], network["operations"], network["seconds"]) == (4638979, 200_000_000_000, None)
    assert network["curves"] == [
        {"seed": 1, "loss": [], "psnr": []},
        {"seed": 2, "loss": [(1, 0.5)], "psnr": [(2, 29.5)]},
    ]
    assert bicubic_psnr(found) == {"mine": 28.0}


def test_long_curves_become_means_of_groups(tmp_path: Path) -> None:
    values = [1 / step for step in range(1, 3 * POINTS)]  # the last group is short
    rows = [f"{step},{value}" for step, value in enumerate(values, start=1)]
    (tmp_path / "log.csv").write_text("\n".join(["step,loss", *rows, "2000,nan"]))
    loss = curves(tmp_path / "log.csv")["loss"]
    assert len(loss) == POINTS
    assert loss[0] == (2, pytest.approx(fmean(values[:3])))
    assert loss[-1] == (3 * POINTS - 1.5, pytest.approx(fmean(values[-2:])))


@pytest.mark.parametrize("content", [b"step,loss\n1,much\n", b"\xff\xfe", b"loss\n0.5\n"])
def test_what_is_no_log_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(ResultsError, match=r"log\.csv: cannot be read as the log of a run"):
        curves(tmp_path / "log.csv")
