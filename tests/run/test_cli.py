"""A user's mistakes: one clear sentence, exit status 2, no traceback, nothing half-written."""

import inspect
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
from lightning import Trainer
from lightning.pytorch.accelerators import CUDAAccelerator

from aldsr.core.errors import OptionError
from aldsr.core.settings import TrainerSettings
from aldsr.evaluate import evaluate
from aldsr.train import train
from aldsr.training.options import REFUSED, check_trainer_options
from tests.command import refuse, run_command
from tests.stopping import results

# Further options of Lightning's that work as they do there.
WORKING = {
    *("callbacks", "min_epochs", "min_steps", "val_check_interval", "gradient_clip_algorithm", "benchmark", "profiler"),
    *("inference_mode", "detect_anomaly", "sync_batchnorm", "reload_dataloaders_every_n_epochs"),
    *("enable_progress_bar", "enable_model_summary", "enable_autolog_hparams"),
}


def complaint(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a mistaken training command says; that it says it well is checked here."""
    assert run_command(train, *arguments, "run_dir=run") == 2
    message = capfd.readouterr().err
    assert "Traceback" not in message
    assert message.startswith("error: ")
    assert len(message.strip().splitlines()) == 1
    assert not Path("run").exists()
    return message


MONITORS = [f"lightning.pytorch.callbacks.{name}" for name in ("EarlyStopping", "ModelCheckpoint")]
UNUSED = (  # each counts beside another option only
    "init_partial=true",
    "data.pictures=3",
    "model=rdn descriptor=avg",
    "datasets=empty",
    "study.budget=smoke",
    "hydra.launcher.cores_per_job=1",
    "+trainer.gradient_clip_algorithm=norm",
    "data.scale=2",
)
EXISTING = ("trainer.log_every_n_steps=5", "model=rdn", "hydra/launcher=local")


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("modle=rdn", "did you mean 'model'?"),
        ("trainer.max_step=3", "did you mean 'trainer.max_steps'?"),
        *((f"+{option}", f"{option.partition('=')[0]} exists; leave out the +") for option in EXISTING),
        ("~seed=5", "'seed' is 0 and not 5"),
        ("model=edsr", "ald_rdn, bicubic, dw_rdn, external, ldw_rdn, rdn"),
        ("scale=5", "scale"),
        ("seed=x", "seed=x"),
        ("layout=rows", "layout=rows"),
        ("kernels=cuda", "kernels=cuda"),
        ("kernels=triton", "kernels=triton"),
        ("optimizer.lr=fast", "optimizer"),
        ("trainer.precision=8", "trainer.precision=8"),
        ("trainer.devices=0", "trainer.devices=0"),
        ("model.residual=lanczos", "'lanczos'"),
        ("model.conv._target_=nopackage.Block", "'nopackage.Block'"),
        ("ckpt_path=nowhere.ckpt", "nowhere.ckpt"),
        ("ckpt_path=last", "last.ckpt"),
        *((f"ema={ema}", f"ema={ema.title()}") for ema in ("true", "1.0", "0.0")),
        ("init=nowhere", "nowhere"),
        ("data.train_dirs=???", "data.train_dirs"),
        ("data.train_dirs=[]", "data.train_dirs=[]"),
        ("data.train_dirs=[nowhere]", "nowhere"),
        *((f"data.{each}_dirs=[2024]", "2024: ") for each in ("train", "eval", "train_lr")),
        *((f"data.train_dirs=[{each}]", "data.train_dirs") for each in ("null", "1.5", "[a]")),
        ("data.train_dirs=[train/0.png]", "train/0.png"),
        ("data.train_dirs=[empty]", "empty"),
        ("data.train_dirs=[broken]", "broken/0.png"),
        ("data.eval_dirs=[bench,bench/HR]", "'bench'"),
        ("data.patch_size=99", "396x396"),
        ("trainer.devices=3 trainer.accelerator=gpu", "0 usable NVIDIA GPUs"),
        ("compile=graph", "compile=none"),
        ("compile=jit", "none or graph"),
        ("trainer.devices=[0]", "CUDA_VISIBLE_DEVICES"),
        ("trainer.accelerator=mps", "trainer.accelerator=mps"),
        ("trainer.strategy=fsdp", "trainer.strategy=fsdp"),
        *((f"trainer.precision={each}", f"trainer.precision={each}") for each in ("bf16-true", "16-mixed")),
        *((each, each) for each in ("data.batch_size=0", "data.num_workers=-2", "trainer.max_steps=1.5")),
        ("trainer.limit_val_batches=1", "data.eval_dirs"),
        ("trainer.deterministic=maybe", "trainer.deterministic=maybe"),
        ("init_partial=maybe", "init_partial=maybe"),
        *((f"trainer.gradient_clip_val={each}", f"trainer.gradient_clip_val={each}") for each in ("abc", "[1]")),
        ("optimizer.weight_decay=0.1", "+optimizer.weight_decay=…"),
        ("+trainer.callbacks=[{_target_:builtins.dict}]", "trainer.callbacks"),
        ("+trainer.callbacks=[{_target_:nowhere.Stop}]", "Stop"),
        *((f"+trainer.callbacks=[{{_target_:{each},monitor:loss_y}}]", "loss_y") for each in MONITORS),
        ("model.conv.reduction=inf", "model.conv.reduction=inf"),
        ("logger=null", "csv, tensorboard, wandb"),
        *((option, option.split()[-1].lstrip("+")) for option in UNUSED),
        ("hydra/sweeper=optuna", "hydra/sweeper=optuna" if find_spec("optuna") else "aldsr[optuna]"),
        ("logger=wandb +logger.entitty=x", "logger.entitty"),
        ("logger=wandb +logger.mode=ofline", "logger.mode"),
    ],
)
def test_an_option_that_cannot_be(
    mistake: str, named: str, small: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for folder in ("empty", "broken"):
        Path(folder).mkdir()
    Path("broken/0.png").write_bytes(Path("train/0.png").read_bytes()[:500])
    assert named in complaint(capfd, *small, *mistake.split())


def test_a_run_folder_that_cannot_be_written(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Path("run").write_text("")
    assert run_command(train, *small, "run_dir=run/a") == 2
    assert "run/a: cannot be" in capfd.readouterr().err


def test_help_is_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(train, "--help") == 0
    said = capsys.readouterr().out
    for expected in (
        "experiment=paper",
        "model: ald_rdn, bicubic, dw_rdn, external, ldw_rdn, rdn",
        "max_steps",
        "-m model=",
    ):
        assert expected in said
    assert not list(tmp_path.iterdir())


def test_every_option_of_lightning_works_or_is_refused() -> None:
    fixed = {each.name for each in fields(TrainerSettings)} - {"target", "options"}
    assert set(inspect.signature(Trainer).parameters) == {*REFUSED, *WORKING, *fixed}
    valid = {"accumulate_grad_batches": 1, "deterministic": None, "gradient_clip_val": 1.0, "max_epochs": None}
    check_trainer_options(valid := valid | {"max_steps": 1})
    wrong = {"gradient_clip_val": -1, "val_check_interval": 0, "max_steps": 0, "max_epochs": 0}
    for option, value in (dict.fromkeys(REFUSED, 1) | wrong).items():
        with pytest.raises(OptionError, match=rf"trainer\.{option}={value}"):
            check_trainer_options(valid | {option: value})


def test_callbacks_texts_as_lists_and_surroundings(small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's callback ends a run that Lightning would take for a job of SLURM, on a machine with a GPU."""
    job = {"NTASKS": 4, "JOB_NAME": "train", "JOB_ID": 7, "PROCID": 0, "LOCALID": 0, "NODEID": 0}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setattr(CUDAAccelerator, "is_available", lambda: True)
    early = "_target_:lightning.pytorch.callbacks.EarlyStopping,monitor:psnr_y,mode:max,stopping_threshold:1.0"
    lists = ["data.train_dirs=train", "data.eval_dirs=bench", f"+trainer.callbacks={{{early}}}"]
    assert run_command(train, *small, *lists, "run_dir=run", "trainer.max_steps=12", "trainer.precision=bf16") == 0
    training = results("run")["training"]
    assert (training["steps"], training["precision"]) == (4, "bf16-mixed")
    measured = ["model=bicubic", "data=folder", "data.eval_dirs=bench", "trainer=cpu"]
    assert run_command(evaluate, *measured) == 0


def test_a_monitor_that_only_a_users_callback_may_log(
    small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mylog.py").write_text("import lightning\nclass Log(lightning.Callback):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for each in MONITORS:
        monitor = f"{{_target_:{each},monitor:mine}}"
        callbacks = f"+trainer.callbacks=[{{_target_:mylog.Log}},{monitor}]"
        assert run_command(train, *small, callbacks, f"run_dir={each}") == 2
        assert "mine" in (said := capfd.readouterr().err)
        assert "Traceback" not in said


def test_torchrun_and_options_of_training_in_an_evaluation(
    small: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "trainer.max_steps=3" in refuse(capsys, evaluate, "model=bicubic", "trainer.max_steps=3")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert "trainer=ddp" in refuse(capsys, train, *small)
