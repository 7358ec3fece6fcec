"""What half precision costs, against the scores of both precisions taken by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aldsr import from_pretrained
from aldsr.bench.precision import precision_differences
from aldsr.data import read_image, unit_float
from aldsr.imaging import imresize, psnr_y, quantise
from aldsr.nn.pretrained import packaged_weights


def test_the_difference_is_that_of_the_mean_scores(
    make_image: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [make_image(tmp_path / "HR" / f"{seed}.png", seed=seed) for seed in (1, 2)]
    monkeypatch.setattr("aldsr.data.datamodule.write_photographs", lambda folder: tmp_path)
    network, means = from_pretrained(packaged_weights(4)), []
    for half in (False, True):
        scores = []
        for file in files:
            hr = torch.tensor(read_image(file)).permute(2, 0, 1)[None]
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                sr = network(unit_float(imresize(hr, 1 / 4)))
            scores.append(psnr_y(quantise(sr.float()), hr, shave=4))
        means.append(torch.stack(scores).mean())
    found = precision_differences(["bf16-mixed"], torch.device("cpu"))
    assert found == {"bf16-mixed": pytest.approx((means[1] - means[0]).item(), abs=0.02)}
    assert found["bf16-mixed"] != 0
    assert precision_differences([], torch.device("cpu")) == {}
