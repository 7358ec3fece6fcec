"""The recipe of a training: losses, optimizers and schedules by name, one's own, and those that cannot be."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional as F

from aldsr.core.errors import OptionError
from aldsr.run.folder import read_settings
from aldsr.run.training import build_network, build_training
from aldsr.train import train
from tests.command import refuse, run_command
from tests.stopping import check_same_weights, checkpoint, killed_at, log_rows, losses

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


WARMED = {
    "multistep": "schedule=multistep schedule.milestones=[2,4] schedule.warmup_steps=3",
    "cosine": "schedule.warmup_steps=3",
    "halved": "schedule=halved schedule.epochs=[1] schedule.warmup_steps=3",
}
OPTIMIZER, SCHEDULE = "torch.optim.RMSprop +optimizer.momentum=0.9", "torch.optim.lr_scheduler.ExponentialLR"
RECIPES = [
    (3, "loss=charbonnier optimizer=adamw +optimizer.fused=true data.patch_size={0:8,2:16,5:8} " + WARMED["multistep"]),
    (3, "loss=l1_fft optimizer=sgd degradation=blur_jpeg schedule=constant schedule.warmup_steps=3"),
    (2, "loss=mse ema=0.9 data.eval_dirs=[bench] " + WARMED["halved"]),
    pytest.param(
        4,
        "trainer.accumulate_grad_batches=2 data.num_workers=2 data.eval_dirs=[bench] " + WARMED["cosine"],
        marks=pytest.mark.slow,
    ),
    (
        3,
        "loss._target_=mine.Weighted +loss.weight=2 "
        f"optimizer._target_={OPTIMIZER} schedule._target_={SCHEDULE} +schedule.gamma=0.9",
    ),
]


@pytest.mark.parametrize("how", ["norm", "value"])
def test_gradients_of_a_fused_optimizer_are_clipped_as_those_of_another(how: str, own: list[str]) -> None:
    """Also under autocast."""
    clip = ["trainer.gradient_clip_val=0.001", f"+trainer.gradient_clip_algorithm={how}"]
    options = [*own, "optimizer=sgd", "trainer.precision=bf16-mixed", "data.eval_dirs=[]"]
    for run, given in {"clipped": clip, "fused": [*clip, "+optimizer.fused=true"], "free": []}.items():
        assert run_command(train, *options, *given, f"run_dir={run}") == 0
    fused, clipped, free = (checkpoint(run)["state_dict"] for run in ("fused", "clipped", "free"))
    torch.testing.assert_close(fused, clipped)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(free, clipped)
    settings = read_settings("fused")
    scaled = replace(settings, trainer=replace(settings.trainer, precision="16-mixed"))
    with pytest.raises(OptionError, match="bf16-mixed"):
        build_training(scaled, build_network(scaled.model, seed=0), F.l1_loss)


@pytest.mark.parametrize(("saved_at", "recipe"), RECIPES)
def test_every_recipe_trains_and_is_continued_to_the_last_bit(saved_at: int, recipe: str, own: list[str]) -> None:
    """Epochs are of 4 steps: 2 and 3 are within one, 4 is at its end."""
    options = [*own, f"checkpoint_every={saved_at}", "trainer.max_steps=7", "data.eval_dirs=[]", *recipe.split()]
    assert run_command(train, *options, "run_dir=whole") == 0
    with killed_at(saved_at + 1):
        run_command(train, *options, "run_dir=broken")
    assert checkpoint("broken")["global_step"] == saved_at
    assert run_command(train, *options, "run_dir=broken", "ckpt_path=last") == 0
    check_same_weights("whole", "broken")
    whole, broken = checkpoint("whole"), checkpoint("broken")
    torch.testing.assert_close(whole["optimizer_states"], broken["optimizer_states"], rtol=0, atol=0)
    assert whole["lr_schedulers"] == broken["lr_schedulers"]
    assert Path("whole/log.csv").read_text() == Path("broken/log.csv").read_text()


def test_sides_that_stay_the_same_are_one_side(small: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for first, same in (("8", "{0:8,2:8}"), ("{0:8,1:16}", "{3:16,1:16,0:8}")):
        for sides in (first, same):
            options = [f"data.patch_size={sides}", f"run_dir=until{first[-3:-1]}", "if_exists=continue"]
            assert run_command(train, *small, *options, "data.eval_dirs=[]") == 0
        assert "done already" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_with_warm_up_is_extended_as_any_other(own: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for recipe, rescheduled in (("multistep", []), ("cosine", [5])):
        options = [*own, *WARMED[recipe].split(), "data.eval_dirs=[]"]
        for steps in (5, 8):
            name = [f"run_dir={recipe}", f"trainer.max_steps={steps}"]
            assert run_command(train, *options, *name, *(["ckpt_path=last"] if steps > 5 else [])) == 0
        assert yaml.safe_load(Path(f"{recipe}/config.yaml").read_text())["rescheduled"] == rescheduled
        assert run_command(train, *options, "trainer.max_steps=8", "run_dir=straight") == 0
        column = f"lr-{'Adam'}"
        ours, theirs = ([row[column] for row in log_rows(run) if row[column]][5:] for run in (recipe, "straight"))
        assert ours == theirs
    check = [*own, *WARMED["halved"].split(), "schedule.epochs=[1,9]", "run_dir=late"]
    assert run_command(train, *check, "trainer.max_steps=5") == 0
    assert "epochs [9] come after" in capsys.readouterr().out


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
        ("optimizer._target_=torch.optim.LBFGS", "LBFGS: needs the loss"),
        ("optimizer._target_=torch.optim.SparseAdam", "sparse"),
        ("optimizer._target_=torch.optim.Muon", "2D"),
        ("optimizer._target_=mine.doubled", "optimizer"),
        ("optimizer=adamw optimizer.betas=[0.9,0.9] optimizer._target_=torch.optim.RMSprop", "optimizer.betas"),
        ("optimizer=adamw +optimizer.momentum=0.9", "optimizer.momentum"),
        ("optimizer.betas=[0.5]", "optimizer"),
        ("schedule=multistep", "schedule.milestones"),
        ("data.patch_size={0:8,4:16}", "step 4"),
        ("data.patch_size={1:8}", "data.patch_size"),
        ("data.patch_size={0:0}", "data.patch_size"),
        ("data.patch_size={0:8,1:99}", "396x396"),
        ("schedule=multistep schedule.milestones=[2,4]", "schedule.milestones=[2, 4]"),
        ("schedule=multistep schedule.milestones=2", "multistep"),
        ("schedule.warmup_steps=4", "schedule.warmup_steps=4"),
        ("schedule=multistep schedule.milestones=[2] schedule.gamma=half", "gamma=half"),
        ("schedule=halved schedule.epochs=two", "schedule"),
        ("schedule._target_=torch.optim.lr_scheduler.ExponentialLR schedule.warmup_steps=2", "schedule.warmup_steps"),
        ("schedule._target_=torch.optim.lr_scheduler.StepLR", "step_size"),
        ("schedule._target_=mine.Weighted +schedule.weight=1", "mine.Weighted"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(
    options: str, named: str, own: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert named in refuse(capsys, train, *own, *options.split(), "run_dir=run")
    assert not Path("run").exists()
