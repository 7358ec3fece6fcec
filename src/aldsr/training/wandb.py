"""One W&B run per run folder, online if the user is logged in, else offline; never a question.

The summary of the run gets the results: numbers to sort a table of runs by, and a table of all predictions.
"""

import netrc
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from lightning.pytorch.loggers import WandbLogger

from aldsr.core.files import atomic_write
from aldsr.imaging import psnr_gain
from aldsr.training.images import comparison_name

STEP = "trainer/global_step"  # what Lightning's logger logs beside every metric, in optimizer steps
TABLE = "predictions"
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


def wandb_log(
    *,
    project: str,
    name: str,
    folder: str | Path,
    group: str | None = None,
    job_type: str | None = None,
    tags: Iterable[str] = (),
) -> WandbLogger:
    """Build a logger whose W&B run keeps its id when the run in `folder` is resumed.

    A resumed run logs the steps since its last checkpoint again. `log.csv` has every step once.

    Args:
        project, name, group, job_type, tags: of the W&B run; tags are cut to the 64 characters that W&B allows.
        folder: the run's folder; gets `wandb-id.txt` and W&B's own files.
    """
    if int(os.environ.get("RANK", 0)) != 0:
        return WandbLogger(project=project)  # which starts no W&B run on any rank but the first
    import wandb  # see `active_run`

    folder = Path(folder).resolve()  # W&B's service has another working directory
    # A process that shares its parent's W&B service cannot resume the run of one that was killed: it is still open.
    os.environ.pop("WANDB_SERVICE", None)
    run = wandb.init(
        project=project,
        name=name,
        dir=folder,
        id=_read_or_create_id(folder / "wandb-id.txt"),
        resume="allow",
        mode=cast(Any, wandb_mode()),
        group=group,
        job_type=job_type,
        tags=[tag[:64] for tag in tags] or None,
        settings=wandb.Settings(silent=True, console="off"),  # aldsr says itself how to upload an offline run
    )
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    return WandbLogger(project=project, experiment=run)


def _read_or_create_id(file: Path) -> str:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary:
            temporary.write_text(secrets.token_hex(4))
    return file.read_text().strip()


def active_run() -> Any:
    """Return this process's W&B run, or None; without importing W&B, which takes half a second."""
    return getattr(sys.modules.get("wandb"), "run", None)


def finish_wandb() -> None:
    """Write the rest of this process's W&B run, if there is one, and close it."""
    if run := active_run():
        run.finish()


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
