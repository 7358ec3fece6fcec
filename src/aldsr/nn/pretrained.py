"""Trained networks by a path or by a repository of the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from aldsr.core.errors import OptionError
from aldsr.core.run_files import WEIGHTS
from aldsr.nn.description import NetworkError
from aldsr.nn.weights import load_network

PACKAGE = Path(__file__).parents[1]
PACKAGED_SCALES = (2, 3, 4)


def from_pretrained(
    path_or_repo: str | Path,
    *,
    revision: str | None = None,
    device: str | torch.device = "cpu",
    allow_code: Sequence[str] = (),
) -> nn.Module:
    """Load a trained network: `Tensor[B, 3, H, W]` RGB in [0, 1] → `Tensor[B, 3, sH, sW]`, not clipped.

    It is in evaluation mode and may be trained further. No code of the file is executed.

    Args:
        path_or_repo: a folder with `weights.safetensors` in it, such as a run's; a weights file or training
            checkpoint; or, if there is no such path, a repository of the Hugging Face hub, "OWNER/NAME" (needs
            `pip install 'aldsr[hub]'`; kept in the hub's cache).
        revision: branch, tag or commit of a repository; None: its main branch.
        allow_code: packages beside aldsr.nn that the network's blocks may come from.

    Raises NetworkError if there is no such network, or its file is damaged, not of aldsr or not allowed.
    """
    path = Path(path_or_repo)
    if not path.exists():
        path = download_weights(str(path_or_repo), revision)
    elif revision is not None:
        raise NetworkError(f"{path}: is a path on this machine, which has no revision {revision}; leave it out")
    network, _ = load_network(path, allow_code)
    return network.to(device).eval()


def download_weights(repo: str, revision: str | None) -> Path:
    """The weights file of a repository of the hub, in the hub's cache. Raises NetworkError if there is none."""
    if not re.fullmatch(r"[\w.-]*\w/[\w.-]+", repo) or repo.endswith((".safetensors", ".ckpt")):
        raise NetworkError(f"{repo}: no such folder or weights file, and not the name of a repository, OWNER/NAME")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise NetworkError(
            f"{repo}: no such folder or weights file; the Hugging Face hub needs the package huggingface_hub; "
            "install it with: pip install 'aldsr[hub]'"
        ) from error
    try:
        return Path(hf_hub_download(repo, WEIGHTS, revision=revision))
    except (OSError, ValueError) as error:  # the errors of the hub and of its transport are of these kinds
        reason = " ".join(str(error).split())
        raise NetworkError(f"{repo}: no such path, and no {WEIGHTS} from the Hugging Face hub: {reason}") from error


def choose_weights(file: str | None, scale: int | None, allow_code: Sequence[str]) -> Path:
    """The file of --weights, or the package's weights of --scale (default 4).

    Raises OptionError for an option that would do nothing beside the other, and NetworkError if the package has no
    weights of that scale.
    """
    if not file:
        if allow_code:
            raise OptionError(f"--allow-code {allow_code[0]}: counts beside --weights FILE; leave it out")
        return packaged_weights(scale or 4)
    if scale is not None:
        raise OptionError(f"--scale {scale}: is of the package's weights, and --weights names others; leave one out")
    return Path(file)


def packaged_weights(scale: int) -> Path:
    """The weights of a scale that come with the package. Raises NetworkError if there are none."""
    found = next((PACKAGE / "weights").glob(f"*_x{scale}.safetensors"), None)
    if found is None:
        raise NetworkError(f"the package has no weights for x{scale}; name a file, such as RUN/weights.safetensors")
    return found
