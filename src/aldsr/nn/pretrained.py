"""Trained networks by a path or by a name in the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from aldsr.core.run_files import WEIGHTS
from aldsr.nn.description import TRUSTED, NetworkError
from aldsr.nn.weights import load_network

PACKAGE = Path(__file__).parents[1]


def from_pretrained(
    path_or_repo: str | Path,
    *,
    revision: str | None = None,
    device: str | torch.device = "cpu",
    allow_code: Sequence[str] = (),
) -> nn.Module:
    """A trained network, ready for use: `Tensor[B, 3, H, W]` RGB in [0, 1] → `Tensor[B, 3, sH, sW]`, not clipped.

    It is in evaluation mode and may be trained further. No code of the file is executed.

    Args:
        path_or_repo: a folder with `weights.safetensors` in it, such as a run's; a weights file or training
            checkpoint; or, if there is no such path, a repository of the Hugging Face hub, "OWNER/NAME"
            (needs `pip install 'aldsr[hub]'`; kept in the hub's cache).
        revision: of a repository: branch, tag or commit; None: its main branch.
        device: that the network is put on.
        allow_code: packages beside aldsr.nn that the network's blocks may come from.

    Raises:
        NetworkError: if there is no such network, or its file is damaged, not of aldsr or not trusted.
    """
    path = Path(path_or_repo)
    if not path.exists():
        path = downloaded(str(path_or_repo), revision)
    elif revision is not None:
        raise NetworkError(f"{path}: is on this machine, where there is no revision {revision}; leave it out")
    if path.is_dir():
        path = path / WEIGHTS
    network, _ = load_network(path, (*TRUSTED, *allow_code))
    return network.to(device).eval()


def downloaded(repo: str, revision: str | None = None) -> Path:
    """The weights file of a repository of the hub, in the hub's cache.

    Raises:
        NetworkError: if the name is none of a repository, huggingface_hub is missing, or it cannot get the file.
    """
    if not re.fullmatch(r"[\w.-]*\w/[\w.-]+", repo) or repo.endswith((".safetensors", ".ckpt")):
        raise NetworkError(f"{repo}: no such folder or weights file, and no name of a repository, OWNER/NAME")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise NetworkError(
            f"{repo}: no such folder or weights file; for the Hugging Face hub the package huggingface_hub is missing; "
            "install it with: pip install 'aldsr[hub]'"
        ) from error
    try:
        return Path(hf_hub_download(repo, WEIGHTS, revision=revision))
    except (OSError, ValueError) as error:  # its own errors are of these kinds, its transport's too
        reason = " ".join(str(error).split())
        raise NetworkError(f"{repo}: no such path, and the Hugging Face hub gave no {WEIGHTS}: {reason}") from error


def default_weights() -> Path:
    """The weights that come with the package.

    Raises:
        NetworkError: if none do.
    """
    files = sorted((PACKAGE / "weights").glob("*.safetensors"))
    if not files:
        raise NetworkError("no weights named: give --weights FILE; a run leaves RUN/weights.safetensors")
    return files[0]
