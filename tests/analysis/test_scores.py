"""Scores of variants, over seeds and against a reference."""

from pathlib import Path

import numpy as np
import pytest

from aldsr.analysis.scores import mean_over_seeds, set_names
from tests.analysis.fake_runs import (
    fake_config,
    fake_results,
    read_comparison,
    variants_by_name,
    write_run,
    write_variant,
)


def test_a_sets_score_over_seeds(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0, 31.0], [31.0, 32.0]], "mine": [[20.0], [26.0]]})
    variant = variants_by_name(tmp_path)["RDN"]
    assert set_names([variant]) == ["Set5", "mine"]
    assert mean_over_seeds(variant, "Set5", "psnr") == pytest.approx((31.0, np.sqrt(0.5), 2))
    assert mean_over_seeds(variant, "mine", "ssim") == pytest.approx((0.923, np.sqrt(0.5) * 0.006, 2))
    assert mean_over_seeds(variant, "B100", "psnr") is None


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


@pytest.mark.parametrize(("seed", "image"), [(8, "image0"), (1, "unknown")])
def test_without_a_common_seed_or_image_there_is_no_difference(seed: int, image: str, tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", {"Set5": [[30.0]]})
    results = fake_results("DW-RDN", {"Set5": [31.0]})
    results["sets"]["Set5"]["images"] = {image: {"psnr": 30.0, "ssim": 0.9}}
    write_run(tmp_path / "dw", fake_config("DW-RDN", seed), results)
    (pair,) = read_comparison(tmp_path).differences
    assert pair.psnr is pair.ssim is None
