"""Networks and weights of others."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from aldsr.core.errors import NetworkError
from aldsr.core.memory import is_out_of_memory
from aldsr.nn.recognition import load_with_spandrel

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


def read_weights_of(network: nn.Module, path: str | Path) -> dict[str, Tensor]:
    """`read_state_dict` by the names of this network, of which one of spandrel's reads weights as spandrel does."""
    if type(network).__module__.startswith("spandrel."):
        return dict(load_with_spandrel(path).model.state_dict())
    own = list(network.state_dict())
    names = dict(zip(strip_prefixes(own), own, strict=True))
    return {names.get(key, key): value for key, value in read_state_dict(path).items()}


class External(nn.Module):
    """Anyone's network, used as those of aldsr are.

    `Tensor[B, 3, H, W]` RGB in [0, 1] → `Tensor[B, 3, sH, sW]`, nominally in [0, 1], not clipped.

    Args:
        network: takes and gives an image, three channels of which the sides are `scale` times as large.
        scale: of its upscaling, s.
        value_range: 1 or 255, of the values that it takes and gives.
        channel_order: "rgb" or "bgr", likewise.
        multiple_of: what its input's sides must be divisible by; images are padded by reflection, results are cropped.
        minimum: of its input's sides, likewise.
        half: whether it is safe in half precision (see `check_precision`).
        layout: "contiguous" if it fails on "channels-last" tensors.

    Raises NetworkError for a value that is not offered and, when it runs, if the network fails or gives anything else.
    """

    OFFERED = {"value_range": (1, 255), "channel_order": ("rgb", "bgr"), "half": (True, False)} | {
        "layout": ("channels-last", "contiguous")
    }

    def __init__(
        self,
        *,
        network: nn.Module,
        scale: int,
        value_range: float = 1,
        channel_order: str = "rgb",
        multiple_of: int = 1,
        minimum: int = 1,
        half: bool = True,
        layout: str = "channels-last",
    ) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            raise NetworkError(f"external.target: makes a {type(network).__name__}; expected a torch.nn.Module")
        given = {"value_range": value_range, "channel_order": channel_order, "half": half, "layout": layout}
        for option, offered in self.OFFERED.items():
            if given[option] not in offered:
                raise NetworkError(f"external.{option}={given[option]}: expected {' or '.join(map(str, offered))}")
        for option, number in (("scale", scale), ("external.multiple_of", multiple_of), ("external.minimum", minimum)):
            if type(number) is not int or number < 1:
                raise NetworkError(f"{option}={number}: expected a whole number from 1 up")
        self.network = network
        self.scale = scale
        self.value_range = value_range
        self.is_bgr = channel_order == "bgr"
        self.multiple_of, self.minimum = multiple_of, -(-minimum // multiple_of) * multiple_of
        self.safe_in_half = half
        self.contiguous = layout == "contiguous"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "External":
        """Follow to another device or type, but not to a memory layout on which the network fails."""
        return super()._apply((lambda x: fn(x).contiguous()) if self.contiguous else fn, recurse)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if self.minimum > 1:  # a multiple of `multiple_of`
            x = self._pad(self._pad(x, -2), -1)
        x = x.flip(-3) if self.is_bgr else x
        x = x * self.value_range if self.value_range != 1 else x
        y = self._run(x.contiguous() if self.contiguous else x)
        y = y.float() / self.value_range if self.value_range != 1 else y
        y = y.flip(-3) if self.is_bgr else y
        return y[..., : self.scale * height, : self.scale * width] if self.minimum > 1 else y

    def _pad(self, x: Tensor, axis: int) -> Tensor:
        """Continue an axis by reflection, as often as it takes."""
        size = x.shape[axis]
        target = (size + self.multiple_of - 1) // self.multiple_of * self.multiple_of
        period = torch.full((1,), 2 * size - 2, device=x.device).clamp_min(1)  # a tensor: see `mirror_indices`
        index = torch.arange(torch.sym_max(target, self.minimum), device=x.device) % period
        return x.index_select(axis, torch.minimum(index, period - index))

    def _run(self, x: Tensor) -> Tensor:
        name, size = type(self.network).__name__, f"{x.shape[-1]}x{x.shape[-2]}"
        try:
            y = self.network(x)
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            if torch.compiler.is_compiling() or is_out_of_memory(error):
                raise
            raise NetworkError(
                f"{name} fails on an image of {size} pixels: {error}; if it needs sizes that divide, or larger ones, "
                "give external.multiple_of=… or external.minimum=…; if it needs contiguous tensors, "
                "external.layout=contiguous"
            ) from error
        if torch.compiler.is_compiling():
            return y
        expected = (len(x), 3, *(self.scale * side for side in x.shape[-2:]))
        if not isinstance(y, Tensor) or y.shape != expected:
            found = tuple(y.shape) if isinstance(y, Tensor) else f"a {type(y).__name__}"
            raise NetworkError(
                f"{name} makes {found} of an image of {size} pixels; expected one tensor, {expected}; check scale=… "
                "and external.multiple_of=…, or let external.target name a function that makes a suitable network"
            )
        return y


def check_precision(network: nn.Module, precision: str) -> None:
    """Raise NetworkError for half precision, by Lightning's names, if a network is not safe in it."""
    if "16" in precision and not getattr(network, "safe_in_half", True):
        raise NetworkError(f"{precision}: the network is not safe in half precision (half=false); use 32-true")
