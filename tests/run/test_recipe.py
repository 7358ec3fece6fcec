"""The recipe of a training: losses, optimizers and schedules by name, one's own, and those that cannot be."""

from pathlib import Path

import pytest
import yaml

from aldsr.train import train
from tests.command import refuse, run_command
from tests.stopping import checkpoint, log_rows

OWN = """
import torch
from torch import nn
from torch.nn import functional as F

class Weighted(nn.Module):
    def __init__(self, weight, trains=False):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)), requires_grad=trains)
        self.register_buffer("calls", torch.zeros(()))
    def forward(self, sr, hr):
        self.calls += 1
        return self.weight * F.l1_loss(sr, hr)

def doubled(sr, hr, factor=2.0):
    return factor * F.l1_loss(sr, hr)

def make(weight):
    return Weighted(weight)

def maps(sr, hr):
    return (sr - hr).abs()

def nothing(sr, hr):
    return hr.mean()

def nan(sr, hr):
    return (sr - hr).mean().log()
"""


@pytest.fixture
def own(small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The small training, beside a module of the user's own."""
    (tmp_path / "mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return small


def losses(run: str) -> list[float]:
    return [float(row["loss"]) for row in log_rows(run) if row["loss"]]


def test_a_loss_of_ones_own_is_a_function_a_class_or_a_function_that_makes_one(
    own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice L1 trains as L1, since Adam does not see the factor; what a module counts is kept in the checkpoint."""
    for run, *options in (
        ("l1",),
        ("function", "loss._target_=mine.doubled"),
        ("class", "loss._target_=mine.Weighted", "+loss.weight=2"),
        ("made", "loss=charbonnier", "loss._target_=mine.make", "+loss.weight=2"),
    ):
        assert run_command(train, *own, *options, "trainer.max_steps=2", f"run_dir={run}") == 0
        assert losses(run) == pytest.approx([each * (1 if run == "l1" else 2) for each in losses("l1")], rel=1e-3)
    assert checkpoint("made")["state_dict"]["loss.calls"] == 2
    assert yaml.safe_load(Path("made/config.yaml").read_text())["loss"] == {"_target_": "mine.make", "weight": 2}
    assert "Weighted, weight 2; Adam, lr 0.001" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("loss=huber", "charbonnier"),
        ("loss._target_=mine.absent", "mine.absent"),
        ("loss._target_=null", "loss._target_"),
        ("loss=charbonnier +loss.weight=2", "loss.weight"),
        ("loss=charbonnier loss.eps=2 loss._target_=mine.doubled", "loss.eps"),
        ("loss=charbonnier loss.eps=small", "charbonnier"),
        ("loss._target_=mine.Weighted", "weight"),
        ("loss._target_=mine.Weighted +loss.weight=1 +loss.trains=true", "mine.Weighted"),
        ("loss._target_=mine.maps", "(2, 3, 32, 32)"),
        ("loss._target_=mine.nothing", "mine.nothing"),
        ("loss._target_=mine.nan", "nan"),
        ("loss._target_=torch.nn.functional.interpolate", "interpolate"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(
    options: str, named: str, own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refuse(capsys, train, *own, *options.split(), "run_dir=run")
    assert not Path("run").exists()
