"""Options of `lightning.Trainer`: what all trainers here have, and what none may have, since results would not hold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lightning import Callback
from lightning.fabric.plugins.environments import ClusterEnvironment, LightningEnvironment, TorchElasticEnvironment

from aldsr.core.errors import OptionError

# Options of every Trainer: aldsr has its own progress bar and samplers, and needs no sanity check.
TRAINER_OPTIONS: dict[str, Any] = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}
# Options that are refused: the values that they may have nevertheless, and what to do instead.
REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "limit_train_batches": ((None, 1.0), "an epoch has data.steps_per_epoch steps"),
    "limit_val_batches": ((None, 1.0), "results are of all images of a set; name smaller sets in data.eval_dirs"),
    "limit_test_batches": ((None, 1.0), "nothing is tested here but data.eval_dirs, of which all images count"),
    "limit_predict_batches": ((None, 1.0), "nothing is predicted here; see python -m aldsr.upscale"),
    "overfit_batches": ((0, 0.0), "a step's number decides its patches; train on one image, data.train_dirs=[DIR]"),
    "fast_dev_run": ((False, 0), "what it leaves is no result; for a trial take size=tiny trainer.max_steps=1"),
    "max_time": ((None,), "'timeout 1h python -m aldsr.train …' stops a run, with a checkpoint to continue from"),
    "num_sanity_val_steps": ((0,), "everything is checked before the first step"),
    "use_distributed_sampler": ((False,), "every rank takes its own part of each batch already"),
    "enable_checkpointing": ((None, True), "without checkpoints a run could not be continued; see checkpoint_every"),
    "barebones": ((False,), "it leaves out checkpoints and log; see python -m aldsr.benchmark for speed"),
    "logger": ((None,), "give logger=csv, wandb, tensorboard or several, logger=[wandb,tensorboard]"),
    "plugins": ((None,), "aldsr has its own, for checkpoints; see trainer.precision and trainer.strategy"),
    "default_root_dir": ((None,), "give run_dir=…"),
    "model_registry": ((None,), "nothing is read from there; give init=FILE or ckpt_path=last"),
}


def check_trainer_options(trainer: Mapping[str, Any]) -> None:
    """Check Lightning's options. Raises OptionError for those with which results would not be what they say."""
    for option, (accepted, advice) in REFUSED.items():
        value = trainer.get(option, accepted[0])
        if not any(type(value) is type(each) and value == each for each in accepted):
            raise OptionError(f"trainer.{option}={value}: is not offered: {advice}")
    for option, texts in {"accumulate_grad_batches": ["auto"], "deterministic": ["warn"]}.items():
        if isinstance(value := trainer[option], str) and value not in texts:
            raise OptionError(f"trainer.{option}={value}: of texts only {texts[0]} is offered")
    if isinstance(clip := trainer["gradient_clip_val"], int | float) and clip < 0:  # `Settings` refuses other kinds
        raise OptionError(f"trainer.gradient_clip_val={clip}: expected a number from 0 up, or null")
    if trainer.get("val_check_interval") == 0:
        raise OptionError("trainer.val_check_interval=0: expected a number of batches, or the part of an epoch")
    steps, epochs = trainer["max_steps"], trainer["max_epochs"]
    if 0 in (steps, epochs) or (-1 in (steps, epochs) and {-1, None}.issuperset((steps, epochs))):
        given = f"trainer.max_steps={steps} trainer.max_epochs={epochs}"
        raise OptionError(f"{given}: has no step, or no end; expected one of them from 1 up")


def check_monitors(callbacks: Sequence[Callback], sets: Iterable[str]) -> None:
    """Raise OptionError if a callback monitors what nothing will log; callbacks of a user may log more."""
    scores = [f"{name}/{score}_y" for name in sets for score in ("psnr", "ssim")]
    known = ["loss", *(["psnr_y"] if scores else []), *scores]
    if not all(type(each).__module__.startswith(("aldsr.", "lightning.")) for each in callbacks):
        return
    for callback in callbacks:
        if (monitor := getattr(callback, "monitor", None)) not in (None, "epoch", "step", *known):
            name = type(callback).__name__
            raise OptionError(f"trainer.callbacks: {name} monitors {monitor}; expected one of {', '.join(known)}")


def find_environment() -> ClusterEnvironment:
    """How Lightning finds the other ranks: from torchelastic, which starts them; never from SLURM or MPI around it."""
    return TorchElasticEnvironment() if TorchElasticEnvironment.detect() else LightningEnvironment()
