"""Networks and weights of others."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from aldsr.nn.description import NetworkError

WRAPPERS = ("params_ema", "params", "state_dict", "model")  # what a file keeps its weights under, best first
PREFIXES = ("module.", "_orig_mod.", "network.", "net_g.", "generator.", "model.")  # of every name, by training code


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The weights in anyone's `.pth`, `.pt`, `.bin`, `.ckpt` or `.safetensors` file, by the names of their network.

    Nothing in the file is executed. What the file wraps them in, and what training code puts before every name, is
    left out. Raises NetworkError if the file is missing, damaged, or has no weights.
    """
    if not Path(path).is_file():
        raise NetworkError(f"{path}: no such weights file")
    try:
        content = load_file(path) if Path(path).suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # both raise many kinds, and torch advises to run what may be a stranger's code
        raise NetworkError(
            f"{path}: not readable as weights: damaged, or it has more than tensors and plain data, and code in files "
            "is never run; expected a file of torch.save(network.state_dict(), FILE) or *.safetensors"
        ) from error
    state = _unwrap(content)
    if not _is_state_dict(state):
        found = f"the keys {', '.join(map(str, list(state)[:5]))}" if isinstance(state, dict) else type(state).__name__
        expected = f"tensors by name, alone or under {', '.join(WRAPPERS)}"
        raise NetworkError(f"{path}: has no weights: found {found}; expected {expected}")
    return dict(zip(strip_prefixes(state), state.values(), strict=True))


def _unwrap(content: Any) -> Any:
    while isinstance(content, dict) and (inner := [x for x in map(content.get, WRAPPERS) if isinstance(x, dict)]):
        content = inner[0]
    return content


def _is_state_dict(content: Any) -> bool:
    return isinstance(content, dict) and bool(content) and all(isinstance(x, Tensor) for x in content.values())


def strip_prefixes(names: Iterable[str]) -> list[str]:
    """Names of weights without what every one of them begins with, if it is one of `PREFIXES`."""
    names = list(names)
    for prefix in PREFIXES * 2:  # they are nested in any order
        if all(name.startswith(prefix) for name in names):
            names = [name.removeprefix(prefix) for name in names]
    return names
