"""A run's results in its W&B summary: numbers to sort a table of runs by, and a table of all predictions."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aldsr.training.wandb.logger import active_run

TABLE = "predictions"
SCORES = ("psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain")
COLUMNS = ("set", "image", *SCORES, "comparison")


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
    summary = {
        "network": network["label"],
        "parameters": network["parameters"],
        "multi_adds": network["multi_adds"],
        "training_seconds": training.get("seconds"),
        "training_steps": training.get("steps"),
    }
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
    return {
        "psnr": scores["psnr"],
        "ssim": scores["ssim"],
        "bicubic_psnr": bicubic["psnr"],
        "bicubic_ssim": bicubic["ssim"],
        "gain": scores["psnr"] - bicubic["psnr"],
    }
