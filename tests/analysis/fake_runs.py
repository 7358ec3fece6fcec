"""Fake runs: folders with results and configurations as training writes them, of given scores."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from aldsr.analysis.scores import Comparison, compare_variants
from aldsr.analysis.study import read_study
from aldsr.analysis.variants import Variant, group_variants
from aldsr.imaging import LITERATURE

BLOCKS = {"RDN": "StandardBlock", "DW-RDN": "DWBlock", "LDW-RDN": "LDWBlock", "ALD-RDN": "ALDBlock"}
CONFIG: dict[str, Any] = {
    "model": {"_target_": "aldsr.nn.RDN", "scale": 4, "checkpoint": False, "D": 16, "C": 8, "G": 64, "G0": 64},
    "descriptor": {"_target_": "aldsr.nn.descriptors.determinant", "_partial_": True},
    "schedule": {"_target_": "aldsr.training.cosine", "_partial_": True},
    "data": {"scale": 4, "train_dirs": ["/here/DIV2K_train_HR"], "eval_dirs": ["/here/Set5"], "pictures": 64}
    | {"patch_size": 24, "batch_size": 16, "steps_per_epoch": 250, "num_workers": None},
    "trainer": {"accelerator": "cpu", "devices": 1, "precision": "32-true", "max_steps": 1000, "max_epochs": -1},
    "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001, "betas": [0.9, 0.999]},
    "scale": 4,
    "ema": None,
    "version": "0.1.0",
}


def fake_config(label: str, seed: int, *, study: Any = "benchmarks", descriptor: str = "determinant") -> dict[str, Any]:
    """The content of a config.yaml."""
    config = copy.deepcopy(CONFIG)
    conv = {"_target_": f"aldsr.nn.{BLOCKS[label]}", "_partial_": True}
    if label == "ALD-RDN":
        described = {"_target_": f"aldsr.nn.descriptors.{descriptor}", "_partial_": True}
        conv |= {"reduction": 32, "descriptor": described}
    config["model"]["conv"] = conv
    config["data"]["seed"] = seed
    return {**config, "seed": seed, "study": study, "name": f"{label}-{seed}", "run_dir": f"runs/{label}-{seed}"}


def fake_results(label: str, sets: Mapping[str, Sequence[float]], *, steps: int = 1000) -> dict[str, Any]:
    """The content of a results.json: of each set the PSNR of its images, from which SSIM is made."""
    found = {name: _set(psnr) for name, psnr in sets.items()}
    identity = {"lr": "given", "lr_fingerprint": "cd"}
    return {
        "network": {"label": label, "parameters": 4638979, "multi_adds": 200_000_000_000},
        "measured": {"version": "0.1.0"},
        "protocol": {"name": "y", **LITERATURE.to_fields(4)},
        "sets": {name: {"fingerprint": "ab", **identity, **each} for name, each in found.items()},
        "bicubic": {name: _set([28.0] * len(psnr)) for name, psnr in sets.items()},
        "training": {"steps": steps, "seconds": 1.0, "ranks": 1},
    }


def _set(psnr: Sequence[float]) -> dict[str, Any]:
    images = {f"image{n}": {"psnr": float(value), "ssim": 0.9 + float(value) / 1000} for n, value in enumerate(psnr)}
    mean = {key: float(np.mean([image[key] for image in images.values()])) for key in ("psnr", "ssim")}
    return {**mean, "number": len(images), "images": images}


def write_run(folder: Path, config: Mapping[str, Any] | None, results: Mapping[str, Any] | None) -> None:
    """Write a run's folder; None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    if config is not None:
        OmegaConf.save(OmegaConf.create(dict(config)), folder / "config.yaml")
    if results is not None and config is not None:
        model = OmegaConf.to_container(OmegaConf.create(dict(config)).model)
        results = {**results, "network": {"description": model, **results["network"]}}
    if results is not None:
        (folder / "results.json").write_text(json.dumps(results))


def write_variant(
    folder: Path, label: str, tables: Mapping[str, Any], *, descriptor: str = "determinant", study: Any = "benchmarks"
) -> None:
    """One run per seed, 1, 2, …; `tables` holds of each set the PSNR as [seeds, images]."""
    rows = {name: np.atleast_2d(table) for name, table in tables.items()}
    for place in range(len(next(iter(rows.values())))):
        run = folder / f"{label.lower()}-{descriptor}-seed{place + 1}"
        config = fake_config(label, place + 1, study=study, descriptor=descriptor)
        write_run(run, config, fake_results(label, {name: table[place] for name, table in rows.items()}))


def update_config(config: Any, options: Mapping[str, Any]) -> Any:
    """A configuration with options set by dotted names."""
    config = OmegaConf.create(config)
    for key, value in options.items():
        OmegaConf.update(config, key, value, force_add=True)
    return config


def change_config(run: Path, options: Mapping[str, Any]) -> None:
    """Set options of a run's config.yaml, by dotted names."""
    OmegaConf.save(update_config(OmegaConf.load(run / "config.yaml"), options), run / "config.yaml")


def read_comparison(folder: Path, **options: bool) -> Comparison:
    """A study compared with its default reference."""
    study = read_study(folder)
    return compare_variants(study, group_variants(study.runs), **options)


def variants_by_name(folder: Path) -> dict[str, Variant]:
    """A study's variants by name, in order."""
    return {each.name: each for each in read_comparison(folder).variants}
