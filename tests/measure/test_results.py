"""results.json, its table and the counts."""

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from aldsr.data import CachedPair
from aldsr.measure import code_version, count_parameters, scores_table, summarise, write_results
from aldsr.measure.loading import loading_rate
from aldsr.nn import RDN

DESCRIPTION = {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": {"_target_": "aldsr.nn.ALDBlock", "_partial_": True}}
SCORES = {"Set5": {"baby": {"psnr_y": 32.0, "ssim_y": 0.9}, "bird": {"psnr_y": 34.0, "ssim_y": 0.95}}}
BICUBIC = {"Set5": {"baby": {"psnr_y": 31.0, "ssim_y": 0.8}, "bird": {"psnr_y": 31.5, "ssim_y": 0.85}}}


def results() -> dict:
    return summarise(DESCRIPTION, SCORES, bicubic=BICUBIC, lr_sources={"Set5": "given"}, parameters=7)


def test_a_sets_score_is_the_mean_over_its_images() -> None:
    found = results()["sets"]["Set5"]
    assert found["psnr_y"] == 33.0
    assert found["ssim_y"] == pytest.approx(0.925)
    assert found["number"] == 2
    assert found["lr"] == "given"
    assert found["images"]["bird"] == {"psnr_y": 34.0, "ssim_y": 0.95}


def test_the_table_lays_the_network_beside_bicubic() -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(scores_table(results()))
    text = capture.get()
    for expected in ("ALD-RDN", "baby", "31.00 / 0.8000", "32.00 / 0.9000", "+1.00", "Set5, mean of 2", "+1.75"):
        assert expected in text


def test_results_are_written_whole(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", results())
    assert json.loads((tmp_path / "results.json").read_text()) == results()
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_the_version_names_the_release() -> None:
    assert code_version().startswith("0.")


def test_parameters_with_and_without_biases() -> None:
    network = RDN(D=1, C=1, G=2, G0=2, scale=2)
    biases = sum(p.numel() for name, p in network.named_parameters() if name.endswith("bias"))
    assert count_parameters(network) == count_parameters(network, biases=False) + biases


def test_the_loading_rate_counts_pairs() -> None:
    pair = CachedPair("a", torch.zeros(3, 64, 64, dtype=torch.uint8), torch.zeros(3, 16, 16, dtype=torch.uint8))
    rates = loading_rate([pair], scale=4, patch_size=8, batches=2, rounds=1)
    assert rates["cut"] > rates["augmented"] > rates["float"] > 0
