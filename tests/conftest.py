"""Fixtures for all tests: a cache of their own, W&B offline, small pictures."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(2)


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test touches the user's cache, W&B account or settings."""
    os.environ["ALDSR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["WANDB_MODE"] = "offline"
    os.environ["WANDB_CONFIG_DIR"] = os.environ["WANDB_CACHE_DIR"] = str(tmp_path_factory.mktemp("wandb"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs outside the project; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("ALDSR_SHARED", "../shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no photographs at {folder}/data; set ALDSR_SHARED to a folder that has them")
    return folder


@pytest.fixture
def make_image() -> Callable[..., Path]:
    """Writes a smooth random picture: `make_image(path, width=64, height=48, seed=0)`."""

    def make(path: Path, *, width: int = 64, height: int = 48, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return path

    return make
