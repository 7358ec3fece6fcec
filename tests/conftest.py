"""Fixtures for all tests: a cache of their own, W&B offline, no GPU, small pictures, a finished study, a browser."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Tests and the processes that they start see no GPU but that of ALDSR_TEST_GPU; said before torch looks for any.
os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("ALDSR_TEST_GPU", "")
os.environ["TRITON_INTERPRET"] = str(int("ALDSR_TEST_GPU" not in os.environ))  # without one, Triton's kernels in NumPy

import numpy as np
import pytest
import torch
from PIL import Image

from aldsr.nn import deployment

# Read before any test changes the working directory, which a path such as ../shared is relative to.
SHARED = Path(os.environ.get("ALDSR_SHARED", "../shared")).resolve()

torch.set_num_threads(1)  # on tiny tensors a second thread only waits for the first
deployment.ROUNDS = 1  # which form is the fastest is no test's question, but every evaluation measures it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a GPU only where there is one; first the slow ones, for which all others would wait."""
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU, or ALDSR_TEST_GPU names none"))
        for module in (each.args[0] for each in item.iter_markers("needs")):
            if find_spec(module) is None:
                item.add_marker(pytest.mark.skip(reason=f"{module} is not installed"))
    stopped = [item for item in items if "waiting" in getattr(item, "fixturenames", ())]  # the longest
    items.sort(key=lambda item: (item not in stopped, item.get_closest_marker("slow") is None))


@pytest.fixture(scope="session", autouse=True)
def _surroundings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test touches the user's cache, W&B account or settings."""
    os.environ["ALDSR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["WANDB_MODE"] = "offline"
    os.environ["WANDB_CONFIG_DIR"] = os.environ["WANDB_CACHE_DIR"] = str(tmp_path_factory.mktemp("wandb"))
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a suite that a shell runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # else what tests start would ignore it as well
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start: the same sums in the same order as here


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs outside the project; a test that needs it is skipped where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no photographs at {SHARED}/data; set ALDSR_SHARED to a folder that has them")
    return SHARED


@pytest.fixture
def make_image() -> Callable[..., Path]:
    """Writes a smooth random picture: `make_image(path, width=64, height=48, seed=0)`."""

    def make(path: Path, *, width: int = 64, height: int = 48, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return path

    return make


@pytest.fixture
def small(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Overrides for a training of seconds, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        make_image(tmp_path / "train" / f"{number}.png", width=96, height=80, seed=number)
    for number in range(2):
        make_image(tmp_path / "bench" / "HR" / f"b{number}.png", width=72, height=64, seed=10 + number)
    return [
        "size=tiny",
        "data=folder",
        "data.train_dirs=[train]",
        "data.eval_dirs=[bench]",
        "data.patch_size=8",
        "data.batch_size=4",
        "data.steps_per_epoch=4",
        "trainer.max_steps=4",
        "trainer.precision=32-true",
        "trainer.accumulate_grad_batches=1",
        "layout=channels-last",
        "trainer.log_every_n_steps=1",
        "trainer=cpu",
        "logger=csv",
    ]


@pytest.fixture
def waiting(small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The small training, with an optimizer that waits for a signal in a `TrainingProcess` of tests/stopping.py."""
    from tests.stopping import SOURCE

    (tmp_path / "waiting.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return [*small, "optimizer._target_=waiting.Adam", "trainer.max_steps=7", "checkpoint_every=100"]


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of two tiny networks that never trained; read it, do not write to it."""
    from tests.planted import plant_study

    return plant_study(tmp_path_factory.mktemp("planted"))


@pytest.fixture
def study(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that may be changed: in the working directory, `study` and its images, `mine`."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(planted.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "study"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of a tiny network that never trained: bicubic, and something made up that sees its surroundings."""
    from tests.planted import CONV, TINY, plant_weights

    path = tmp_path_factory.mktemp("network") / "weights.safetensors"
    plant_weights(path, {"_target_": "aldsr.nn.RDN", "scale": 4, "conv": CONV, **TINY})
    return path


@pytest.fixture
def users_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of the user's own, with a block in it and a name that it imported from elsewhere."""
    package = tmp_path / "aldsr_users_blocks"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os\nfrom os import system\nfrom torch import nn\n\n\n"
        "class Plain(nn.Conv2d):\n"
        "    def __init__(self, in_channels, out_channels):\n"
        "        super().__init__(in_channels, out_channels, 3, padding=1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return package.name


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; tests that need it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if (executable := shutil.which("chromium") or shutil.which("google-chrome")) is None:
        pytest.skip("no chromium in PATH")
    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, args=quiet)
        yield chromium
        chromium.close()
