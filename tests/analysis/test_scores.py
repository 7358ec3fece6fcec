"""Figures of variants, over seeds and against a reference."""

from pathlib import Path

import numpy as np
import pytest

from aldsr.analysis.scores import compare_variants, mean_over_seeds, score_difference, set_names
from tests.analysis.fake_runs import change_config, fake_config, fake_results, read_variants, write_run, write_variant


def test_a_sets_score_over_seeds(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0, 31.0], [31.0, 32.0]], "mine": [[20.0], [26.0]]})
    found = read_variants(tmp_path)["RDN"]
    assert set_names([found]) == ["Set5", "mine"]
    assert mean_over_seeds(found, "Set5", "psnr") == pytest.approx((31.0, np.sqrt(0.5), 2))
    assert mean_over_seeds(found, "mine", "ssim") == pytest.approx((0.923, np.sqrt(0.5) * 0.006, 2))
    assert mean_over_seeds(found, "B100", "psnr") is None


def test_differences_pair_equal_seeds_and_images(tmp_path: Path) -> None:
    reference = np.array([[30.0, 20.0], [40.0, 10.0], [25.0, 35.0]])
    write_variant(tmp_path, "RDN", {"Set5": reference})
    write_variant(tmp_path, "DW-RDN", {"Set5": reference - [[0.1, 0.3]]})
    found = list(read_variants(tmp_path).values())
    (pair,) = compare_variants(found, found[0])
    assert pair.variant.name == "DW-RDN"
    assert pair.psnr is not None
    assert pair.psnr[0] == pytest.approx(-0.2)
    assert pair.psnr.low > -2  # unpaired, it would be tens of dB
    assert (pair.psnr.seeds, pair.psnr.images) == (3, 2)
    assert pair.ssim is not None
    assert pair.ssim.mean == pytest.approx(-0.0002)


def test_only_seeds_and_images_of_both_count(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0, 31.0], [30.0, 31.0], [99.0, 99.0]]})
    write_variant(tmp_path, "DW-RDN", {"Set5": [[31.0, 32.0, 99.0], [31.0, 32.0, 99.0]]})
    ours, theirs = reversed(read_variants(tmp_path).values())
    found = score_difference(ours, theirs, "Set5", "psnr")
    assert found is not None
    assert (found.mean, found.seeds, found.images) == (1.0, 2, 2)


def test_without_a_common_seed_or_image_there_is_no_difference(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0, 31.0]]})
    write_run(tmp_path / "dw", fake_config("DW-RDN", 8), fake_results("DW-RDN", {"Set5": [31.0, 32.0]}))
    found = list(read_variants(tmp_path).values())
    (pair,) = compare_variants(found, found[0])
    assert pair.psnr is pair.ssim is None
    other = fake_results("DW-RDN", {"Set5": [31.0, 32.0]})
    other["sets"]["Set5"]["images"] = {"unknown": {"psnr": 30.0, "ssim": 0.9}}
    write_run(tmp_path / "dw", fake_config("DW-RDN", 1), other)
    found = list(read_variants(tmp_path).values())
    assert score_difference(found[1], found[0], "Set5", "psnr") is None


def test_sets_that_one_lacks_are_not_compared(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0, 31.0]], "Set14": [[28.0, 27.0]]})
    write_variant(tmp_path, "ALD-RDN", {"Set5": [[30.0, 31.0]]})
    change_config(tmp_path / "rdn-determinant-seed1", {})
    found = list(read_variants(tmp_path).values())
    assert [pair.set_name for pair in compare_variants(found, found[0])] == ["Set5"]
