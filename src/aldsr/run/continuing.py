"""A run that its folder holds already: continued as it is, or extended to more steps."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from aldsr.core.errors import OptionError
from aldsr.core.frozen import FrozenDict, thaw
from aldsr.core.run_files import CHECKPOINT, CONFIG
from aldsr.core.settings import RunSettings
from aldsr.data import SuperResolutionData, fingerprint
from aldsr.nn.weights import load_checkpoint
from aldsr.run.folder import read_settings
from aldsr.run.recipe import build_optimizer, build_schedule
from aldsr.run.typed import override
from aldsr.sweep.folders import DamagedRunError, DifferentRunError, check_same, find_differences, load_config
from aldsr.sweep.status import run_status

LENGTH = {"trainer.max_steps", "trainer.max_epochs"}
MEASURED = ("layout", "trainer.precision", "trainer.accumulate_grad_batches")  # "auto": chosen by measurement
NOTES = ("initial", "new_weights", "segments", "rescheduled")  # what a run knows of itself


def continues(settings: RunSettings | DictConfig) -> bool:
    """Whether a run that is in the folder is to be continued, not moved aside."""
    return bool(settings.ckpt_path) or settings.if_exists == "continue"


def find_checkpoint(config: DictConfig) -> str | None:
    """The checkpoint to continue from: `ckpt_path`, or what a run in the folder has left. Raises OptionError."""
    folder, given = Path(config.run_dir), config.ckpt_path and str(config.ckpt_path)
    last = folder / CHECKPOINT
    if given is None:
        return str(last) if config.if_exists == "continue" and (folder / CONFIG).is_file() and last.is_file() else None
    path = last if given == "last" or Path(given).resolve() == folder.resolve() else Path(given)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise OptionError(
            f"ckpt_path={given}: is not of the run in {folder}; {override('init', given)} starts a new run from its "
            "weights, run_dir=ITS_FOLDER ckpt_path=last continues that run"
        )
    if not path.is_file():
        raise OptionError(f"ckpt_path={given}: there is no such file, {path}; leave it out to start the run")
    if not (folder / CONFIG).is_file():
        raise OptionError(
            f"ckpt_path={given}: there is no {folder / CONFIG}, so what this run was is not known; "
            f"{override('init', path)} starts a new run from its weights"
        )
    return str(path)


def recall_choices(config: DictConfig) -> None:
    """Of a run that is continued: what was measured when it began holds, so that the same numbers come out."""
    if continues(config):
        earlier = OmegaConf.create()
        with suppress(DamagedRunError):  # there is none yet, or `continue_run` will refuse it
            earlier = OmegaConf.create(load_config(Path(config.run_dir)))
        for key in MEASURED:
            if OmegaConf.select(config, key) == "auto" and (value := OmegaConf.select(earlier, key)) is not None:
                OmegaConf.update(config, key, value)


def continue_run(settings: RunSettings) -> RunSettings:
    """The settings with what the run in the folder knows of itself, if it is to be continued.

    With `ckpt_path` and a larger number of steps as the only difference, the run is extended.

    Raises DifferentRunError if the folder holds another run, DamagedRunError if it holds one of which files cannot be
    read or made again.
    """
    folder = Path(settings.run_dir)
    if continues(settings) and not settings.ckpt_path and (found := run_status(folder)).state == "damaged":
        raise DamagedRunError(
            f"{folder}: is damaged ({found.reason}), and lacks {CONFIG} or {CHECKPOINT}, from which it would be made "
            "again; put the file back, or move the folder away to start anew"
        )
    if not continues(settings) or not (folder / CONFIG).is_file():
        return settings
    earlier = read_settings(folder)
    settings = replace(settings, **{note: getattr(earlier, note) for note in NOTES})
    differences = {key for key, *_ in find_differences(folder, settings.to_config())}
    if differences and differences <= LENGTH and settings.total_steps > earlier.total_steps >= 0:
        if settings.if_exists == "continue":
            raise DifferentRunError(
                f"{folder}: holds a run of {earlier.total_steps} steps, this one has {settings.total_steps}; "
                f"{override('run_dir', folder)} if_exists=archive ckpt_path=last extends it"
            )
        return _extend(settings, earlier)
    check_same(folder, settings.to_config())
    return settings


def _extend(settings: RunSettings, earlier: RunSettings) -> RunSettings:
    step = int(load_checkpoint(str(settings.ckpt_path))["global_step"])
    followed, follows = (list(_learning_rates(each, step)) for each in (earlier, settings))
    return replace(
        settings,
        segments=(*settings.segments, FrozenDict({"steps": step, "planned": earlier.total_steps})),
        rescheduled=settings.rescheduled if followed == follows else (*settings.rescheduled, step),
    )


def _learning_rates(settings: RunSettings, steps: int) -> Iterator[list[Any]]:
    """The learning rates of the first steps."""
    optimizer = build_optimizer(settings.optimizer, [torch.nn.Parameter(torch.zeros(1))])
    scheduler = build_schedule(settings.schedule, optimizer, settings.total_steps)
    for _ in range(steps):
        yield scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()


def is_done(settings: RunSettings) -> bool:
    """Whether the folder holds this run, finished and not to be extended."""
    folder = Path(settings.run_dir)
    begun = continues(settings) and (folder / CONFIG).is_file()
    return begun and run_status(folder).state == "done" and not earlier_results(settings)


def earlier_results(settings: RunSettings) -> str | None:
    """Where in its folder the results of a run go that is extended now; None: it is not, or was before."""
    if not settings.segments or read_settings(settings.run_dir).segments == settings.segments:
        return None
    return f"segments/{settings.segments[-1]['steps']}-steps"


def note_images(settings: RunSettings, data: SuperResolutionData) -> RunSettings:
    """The settings with the fingerprints of the images, and the track of LR trained on.

    Raises DifferentRunError if the run is continued and began with other images.
    """
    train, sets = data.train_pairs, data.benchmarks
    images = {
        "data.train_dirs": [fingerprint(pair.hr for pair in train), fingerprint(pair.lr for pair in train)],
        "data.eval_dirs": [each.identity["fingerprint"] for each in sets],
        "data.eval_lr_dirs": [each.identity["lr_fingerprint"] for each in sets],
    }
    earlier = read_settings(settings.run_dir).images if settings.ckpt_path else FrozenDict(images)
    if not earlier:
        print(f"{settings.run_dir}: began before aldsr kept fingerprints of the images; they are taken to be the same")
    for option, found in images.items():
        if earlier and thaw(earlier.get(option, found)) != found:
            raise DifferentRunError(
                f"{option}: these are not the images, HR and LR, that the run in {settings.run_dir} began with; use "
                f"those, or {override('init', settings.run_dir)} with another run_dir to start from its weights"
            )
    tracks = sorted({pair.track or f"not known, LR {images['data.train_dirs'][1]}" for pair in train})
    return replace(settings, images=FrozenDict(images), lr_track=", ".join(tracks) or "bicubic")
