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

ID_FILE = "wandb-id.txt"
STEP = "trainer/global_step"  # what Lightning's logger logs beside every metric, in optimizer steps
TABLE = "predictions"
SCORES = ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")
COLUMNS = ("set", "image", *SCORES, "comparison")


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
        id=_read_or_create_id(folder / ID_FILE),
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


def active_run() -> Any:
    """Return this process's W&B run, or None; without importing W&B, which takes half a second."""
    return getattr(sys.modules.get("wandb"), "run", None)


def finish_wandb() -> None:
    """Write the rest of this process's W&B run, if there is one, and close it."""
    if run := active_run():
        run.finish()


def _read_or_create_id(file: Path) -> str:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary:
            temporary.write_text(secrets.token_hex(4))
    return file.read_text().strip()


def report_results(results: Mapping[str, Any], *, pictures: str | Path, protocol: str) -> None:
    """Put the results into the summary of this process's W&B run, if there is one.

    Reported again, they replace what was there: nothing goes into the history.

    Args:
        results: the content of `results.json`.
        pictures: folder of the comparison images `SET-IMAGE.png`; a row whose image has none stays without.
        protocol: how the results were scored, in one line.
    """
    run = active_run()
    if run is None or run.disabled:
        return
    import wandb

    with _stage_media_in(Path(run.dir).parent):
        run.summary[TABLE] = wandb.Table(columns=list(COLUMNS), data=build_rows(results, Path(pictures)))
    run.summary.update(build_summary(results) | {"protocol": protocol})


@contextmanager
def _stage_media_in(folder: Path) -> Iterator[None]:
    """Let W&B keep a table's images in `folder` until they are uploaded, unless the user has chosen another.

    W&B's default is in the user's home, which the nodes of a cluster may not share or not be able to write.
    """
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


def build_summary(results: Mapping[str, Any]) -> dict[str, float | str]:
    """Build the values that a table of runs shows.

    Returns:
        Per set `SET/psnr` and `SET/gain` over bicubic (dB), `SET/ssim`, `SET/bicubic_psnr` and `SET/bicubic_ssim`;
        `network`, `parameters`, `multi_adds` for 1280x720 pixels of output, `training_seconds`, `training_steps`,
        each only if known.
    """
    network, training = results["network"], results.get("training", {})
    summary = {"network": network["label"]} | {key: network[key] for key in ("parameters", "multi_adds")}
    summary |= {f"training_{key}": training.get(key) for key in ("seconds", "steps")}
    for name, scores in results["sets"].items():
        summary |= {f"{name}/{key}": value for key, value in _compare(scores, results["bicubic"][name]).items()}
    return {key: value for key, value in summary.items() if value is not None}


def build_rows(results: Mapping[str, Any], pictures: Path) -> list[list[Any]]:
    """Build one row of `COLUMNS` per image, in each set the lowest gain first."""
    import wandb

    rows = []
    for name, scores in results["sets"].items():
        bicubic = results["bicubic"][name]["images"]
        compared = {image: _compare(values, bicubic[image]) for image, values in scores["images"].items()}
        for image, values in sorted(compared.items(), key=lambda pair: pair[1]["gain"]):
            file = pictures / f"{name}-{image}.png"
            comparison = wandb.Image(str(file), caption=f"{name}/{image}") if file.is_file() else None
            rows.append([name, image, *(values[score] for score in SCORES), comparison])
    return rows


def _compare(scores: Mapping[str, float], bicubic: Mapping[str, float]) -> dict[str, float]:
    compared = {"psnr": scores["psnr"], "ssim": scores["ssim"], "gain": scores["psnr"] - bicubic["psnr"]}
    return compared | {"bicubic_psnr": bicubic["psnr"], "bicubic_ssim": bicubic["ssim"]}
