"""Scores of variants against a reference."""

from pathlib import Path

import numpy as np
import pytest

from tests.analysis.fake_runs import read_comparison, write_variant


def test_differences_pair_the_seeds_images_and_sets_that_both_have(tmp_path: Path) -> None:
    reference = np.array([[30.0, 20.0], [40.0, 10.0], [25.0, 35.0]])
    write_variant(tmp_path, "RDN", {"Set5": reference, "Set14": reference})
    ours = np.hstack([reference - [[0.1, 0.3]], np.full((3, 1), 99.0)])
    write_variant(tmp_path, "DW-RDN", {"Set5": ours[:2]})
    (pair,) = read_comparison(tmp_path).differences
    assert (pair.variant.name, pair.set_name) == ("DW-RDN", "Set5")
    assert pair.psnr is not None
    assert pair.ssim is not None
    assert pair.psnr.mean == pytest.approx(-0.2)
    assert pair.psnr.low > -2  # unpaired, it would be tens of dB
    assert (pair.psnr.seeds, pair.psnr.images) == (2, 2)
    assert pair.ssim.mean == pytest.approx(-0.0002)


def test_over_seeds_alone_images_that_differ_widen_no_interval(tmp_path: Path) -> None:
    reference, seeds = np.array([[30.0, 20.0, 40.0]] * 3), np.array([[0.11], [0.10], [0.12]])
    write_variant(tmp_path, "RDN", {"Set5": reference})
    write_variant(tmp_path, "DW-RDN", {"Set5": reference - seeds * [[0.1, 2.0, 0.9]]})
    (sampled,), (fixed,) = (read_comparison(tmp_path, fixed_images=each).differences for each in (False, True))
    assert not isinstance(sampled.psnr, str)
    assert not isinstance(fixed.psnr, str)
    assert sampled.psnr.high > 0 > fixed.psnr.high  # the means of the seeds are -0.11, -0.10 and -0.12
    assert fixed.psnr.high == pytest.approx(-0.11 + 4.302653 * 0.01 / 3**0.5)
    assert fixed.psnr[3:] == sampled.psnr[3:] == (3, 3)
