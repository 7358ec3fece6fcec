"""One W&B run per run folder, online if the user is logged in and W&B answers, else offline; never a question.

The summary of the run gets the results: numbers to sort a table of runs by, and a table of all predictions.
"""

import inspect
import netrc
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import shorten
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from aldsr.core.errors import OptionError
from aldsr.core.files import atomic_write
from aldsr.core.quoting import shell_words
from aldsr.imaging import psnr_gain
from aldsr.training.images import comparison_name

STEP = "trainer/global_step"  # what Lightning's logger logs beside every metric, in optimizer steps
TABLE = "predictions"
# Seconds until a run goes on without W&B; those of W&B itself are 90 and for ever.
PATIENCE = {"init_timeout": 10, "finish_timeout": 120, "finish_timeout_raises": True}
SCORES = ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")


def wandb_mode() -> str:
    """Return `$WANDB_MODE` if set; "online" with an API key in the environment or ~/.netrc; else "offline"."""
    if mode := os.environ.get("WANDB_MODE"):
        return mode
    if os.environ.get("WANDB_API_KEY"):
        return "online"
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].rstrip("/")
    with suppress(OSError, netrc.NetrcParseError):
        return "online" if netrc.netrc().authenticators(host) else "offline"
    return "offline"


def check_wandb_options(logger: Mapping[str, Any], section: str = "logger") -> None:
    """Check the options of `wandb_log`, before anything starts. Raises OptionError for those that W&B does not have."""
    import wandb

    if unknown := logger.keys() - {"_target_", "folder"} - inspect.signature(wandb.init).parameters.keys():
        raise OptionError(f"{section}.{min(unknown)}: expected an option of wandb.init, such as +{section}.entity=NAME")
    try:
        wandb.Settings(**(logger.get("settings") or {}), mode=logger.get("mode", "offline"))
    except (TypeError, ValueError) as error:
        raise OptionError(f"{section}.mode or {section}.settings: W&B expects others ({error})") from error


def wandb_log(
    *,
    project: str,
    name: str,
    folder: str | Path,
    tags: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> WandbLogger:
    """Build a logger whose W&B run keeps its id when the run in `folder` is resumed.

    A resumed run logs the steps since its last checkpoint again. `log.csv` has every step once. `folder` gets
    `wandb-id.txt` and W&B's own files; `settings` are those of `wandb.Settings`, `options` any of `wandb.init`,
    such as group, job_type, entity, notes, mode. Tags are cut to the 64 characters that W&B allows.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return WandbLogger(project=project)  # which starts no W&B run on any rank but the first
    folder = Path(folder).resolve()  # W&B's service has another working directory
    # A process that shares its parent's W&B service cannot resume the run of one that was killed: it is still open.
    os.environ.pop("WANDB_SERVICE", None)
    os.environ.setdefault("WANDB_SILENT", "true")  # aldsr says itself how to upload an offline run
    if not (file := folder / "wandb-id.txt").is_file():
        with atomic_write(file) as temporary:
            temporary.write_text(secrets.token_hex(4))
    ours = {"dir": folder, "id": file.read_text().strip(), "resume": "allow", "mode": wandb_mode()}
    ours |= {"project": project, "name": name, "tags": [tag[:64] for tag in tags] or None}
    run = _start_run(ours | options, {"console": "off", **PATIENCE, **(settings or {})})
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return WandbLogger(project=project, experiment=run)


def _start_run(options: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """Start a W&B run, offline where W&B does not answer or does not know the user. Raises OptionError for others."""
    import wandb  # see `active_run`

    try:
        return wandb.init(**options, settings=wandb.Settings(**settings))
    except (wandb.Error, TypeError, ValueError) as error:
        reason = shorten(str(error), 200)
        if options["mode"] == "offline" or not isinstance(error, wandb.Error):
            raise OptionError(f"logger: W&B refuses its options ({reason})") from error
    folder = shell_words(options["dir"])
    print(f"W&B: {reason}. The run is kept offline; wandb sync {folder}/wandb/offline-run-* uploads it")
    wandb.teardown()  # whose service would hold on to the run's id
    return _start_run({**options, "mode": "offline"}, settings)


def active_run() -> Any:
    """Return this process's W&B run, or None; without importing W&B, which takes half a second."""
    return getattr(sys.modules.get("wandb"), "run", None)


def finish_wandb() -> None:
    """Write the rest of this process's W&B run, if there is one, and close it."""
    if run := active_run():
        try:
            run.finish()
        except TimeoutError:
            print(f"W&B: does not answer; what is not uploaded yet is in {Path(run.dir).parent}, for wandb sync")


def report_results(results: Mapping[str, Any], *, pictures: Path, protocol: str) -> None:
    """Put the results into the summary of this process's W&B run, if there is one: numbers, and a row per image.

    Per set `SET/psnr` and `SET/gain` over bicubic (dB), `SET/ssim`, `SET/bicubic_psnr` and `SET/bicubic_ssim`;
    `network`, `parameters`, `multi_adds` for 1280x720 pixels of output, `training_seconds`, `training_steps`, each only
    if known; and `protocol`. In the table of images the lowest gain of each set comes first. Reported again, they
    replace what was there: nothing goes into the history. `pictures` is the folder of the comparison images
    `SET-IMAGE.png`, `protocol` a line on how the results were scored.
    """
    run = active_run()
    if run is None or run.disabled:
        return
    import wandb

    network, training = results["network"], results.get("training", {})
    summary: dict[str, Any] = {"network": network["label"], "protocol": protocol}
    summary |= {key: network[key] for key in ("parameters", "multi_adds")}
    summary |= {f"training_{key}": training.get(key) for key in ("seconds", "steps")}
    rows = []
    for name, scores in results["sets"].items():
        bicubic = results["bicubic"][name]
        summary |= {f"{name}/{key}": value for key, value in _compare(scores, bicubic).items()}
        images = {image: _compare(each, bicubic["images"][image]) for image, each in scores["images"].items()}
        for image, compared in sorted(images.items(), key=lambda pair: pair[1]["gain"]):
            file = pictures / comparison_name(name, image)
            comparison = wandb.Image(str(file), caption=f"{name}/{image}") if file.is_file() else None
            rows.append([name, image, *compared.values(), comparison])
    with _stage_media_in(Path(run.dir).parent):
        run.summary[TABLE] = wandb.Table(columns=["set", "image", *SCORES, "comparison"], data=rows)
    run.summary.update({key: value for key, value in summary.items() if value is not None})


def _compare(scores: Mapping[str, float], bicubic: Mapping[str, float]) -> dict[str, float]:
    gain = psnr_gain(scores, bicubic)
    return dict(zip(SCORES, (scores["psnr"], scores["ssim"], bicubic["psnr"], bicubic["ssim"], gain), strict=True))


@contextmanager
def _stage_media_in(folder: Path) -> Iterator[None]:
    """Let W&B keep a table's images in `folder` until they are uploaded, unless the user has chosen another.

    W&B's default is in the user's home, which the nodes of a cluster may not share or not be able to write.
    """
    chosen = os.environ.setdefault("WANDB_DATA_DIR", str(folder))
    try:
        yield
    finally:
        if chosen == str(folder):
            del os.environ["WANDB_DATA_DIR"]
