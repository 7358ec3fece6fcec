"""A run's results in W&B: figures that a table of runs sorts by, and every prediction with its picture."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aldsr.training.wandb.logger import begun_run

TABLE = "predictions"
COLUMNS = ["set", "image", "psnr", "ssim", "bicubic_psnr", "bicubic_ssim", "gain", "comparison"]


def report_results(results: Mapping[str, Any], *, pictures: str | Path, protocol: str) -> None:
    """Put the results into the summary of this process's W&B run, if there is one.

    Args:
        results: the content of `results.json`, of one protocol.
        pictures: folder of `SET-IMAGE.png`, as `ComparisonPictures` writes them; an image without one has none.
        protocol: how it was measured, in one line.

    All of it goes into the summary and nothing into the history: reported again, it takes the place of what was there.
    """
    run = begun_run()
    if run is None or run.disabled:
        return
    import wandb

    with _staged_in(Path(run.dir).parent):
        run.summary[TABLE] = wandb.Table(columns=[*COLUMNS], data=predictions(results, Path(pictures)))
    run.summary.update(figures(results) | {"protocol": protocol})


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Let W&B keep a table's pictures beside its run.

    Until they are uploaded they would lie in the user's home, which a cluster's nodes may not share or not let write.
    """
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


def figures(results: Mapping[str, Any]) -> dict[str, float | str]:
    """What a table of runs shows, by name.

    Of every set `SET/psnr` and `SET/gain` over bicubic (dB), `SET/ssim`, `SET/bicubic_psnr` and `SET/bicubic_ssim`;
    `parameters`, `multi_adds` for 1280x720 pixels of output, `training_seconds`, `training_steps`. What was not
    counted is left out.
    """
    network, training = results["network"], results.get("training", {})
    found = {
        "network": network["label"],
        "parameters": network["parameters"],
        "multi_adds": network["multi_adds"],
        "training_seconds": training.get("seconds"),
        "training_steps": training.get("steps"),
    }
    for name, scores in results["sets"].items():
        found |= {f"{name}/{key}": value for key, value in _compared(scores, results["bicubic"][name]).items()}
    return {key: value for key, value in found.items() if value is not None}


def predictions(results: Mapping[str, Any], pictures: Path) -> list[list[Any]]:
    """One row per image, see COLUMNS, the lowest gain of each set first."""
    import wandb

    rows = []
    for name, scores in results["sets"].items():
        reference = results["bicubic"][name]["images"]
        compared = {image: _compared(values, reference[image]) for image, values in scores["images"].items()}
        for image, values in sorted(compared.items(), key=lambda pair: pair[1]["gain"]):
            picture = pictures / f"{name}-{image}.png"
            shown = wandb.Image(str(picture), caption=f"{name}/{image}") if picture.is_file() else None
            rows.append([name, image, *(values[column] for column in COLUMNS[2:-1]), shown])
    return rows


def _compared(scores: Mapping[str, float], bicubic: Mapping[str, float]) -> dict[str, float]:
    return {
        "psnr": scores["psnr"],
        "ssim": scores["ssim"],
        "bicubic_psnr": bicubic["psnr"],
        "bicubic_ssim": bicubic["ssim"],
        "gain": scores["psnr"] - bicubic["psnr"],
    }
