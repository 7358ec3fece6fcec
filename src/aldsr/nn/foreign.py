"""Networks and weights of others."""

import inspect
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from aldsr.core.errors import NetworkError
from aldsr.core.memory import is_out_of_memory

WRAPPERS = ("params_ema", "params", "state_dict", "model")  # what a file keeps its weights under, best first
PREFIXES = ("module.", "_orig_mod.", "network.", "net_g.", "generator.", "model.")  # of every name, by training code
OFFERED = {
    "value_range": (1, 255),
    "channel_order": ("rgb", "bgr"),
    "half": (True, False),
    "layout": ("channels-last", "contiguous"),
}


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """The weights in anyone's `.pth`, `.pt`, `.bin`, `.ckpt` or `.safetensors` file, by the names of their network.

    Nothing in the file is executed. What the file wraps them in, and what training code puts before every name, is
    left out. Raises NetworkError if the file is missing, damaged, or has no weights.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise NetworkError(f"{path}: no such weights file")
    try:
        state = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except Exception as error:  # both raise many kinds, and torch advises to run what may be a stranger's code
        raise NetworkError(
            f"{path}: not readable as weights: damaged, or it has more than tensors and plain data, and code in files "
            "is never run; expected a file of torch.save(network.state_dict(), FILE) or *.safetensors"
        ) from error
    while isinstance(state, dict) and (inner := [x for x in map(state.get, WRAPPERS) if isinstance(x, dict)]):
        state = inner[0]
    if not isinstance(state, dict) or not state or not all(isinstance(x, Tensor) for x in state.values()):
        found = f"the keys {', '.join(map(str, list(state)[:5]))}" if isinstance(state, dict) else type(state).__name__
        expected = f"tensors by name, alone or under {', '.join(WRAPPERS)}"
        raise NetworkError(f"{path}: has no weights: found {found}; expected {expected}")
    return dict(zip(strip_prefixes(state), state.values(), strict=True))


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

    `Tensor[B, 3, H, W]` RGB in [0, 1] → `Tensor[B, 3, sH, sW]`, nominally in [0, 1], not clipped. Raises NetworkError
    for a value that is not offered and, when it runs, if the network fails or gives anything else.

    Args:
        value_range, channel_order: of the values that it takes and gives, see `OFFERED`.
        multiple_of, minimum: of its input's sides; images are padded by reflection, results are cropped.
        half: whether it is safe in half precision (see `check_precision`).
        layout: "contiguous" if it fails on "channels-last" tensors.
    """

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
        for (option, offered), value in zip(OFFERED.items(), (value_range, channel_order, half, layout), strict=True):
            if value not in offered:
                raise NetworkError(f"external.{option}={value}: expected {' or '.join(map(str, offered))}")
        for option, number in (("scale", scale), ("external.multiple_of", multiple_of), ("external.minimum", minimum)):
            if type(number) is not int or number < 1:
                raise NetworkError(f"{option}={number}: expected a whole number from 1 up")
        self.network, self.scale = network, scale
        self.value_range, self.is_bgr = value_range, channel_order == "bgr"
        self.multiple_of, self.minimum = multiple_of, -(-minimum // multiple_of) * multiple_of
        self.safe_in_half, self.contiguous = half, layout == "contiguous"

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
        if self.minimum > 1:  # torch.export cannot tell that slices are as large as this
            for axis, side in ((-2, height), (-1, width)):
                y = y.index_select(axis, torch.arange(self.scale * side, device=y.device))
        return y

    def _pad(self, x: Tensor, axis: int) -> Tensor:
        """Continue an axis by reflection, as often as it takes."""
        size = x.shape[axis]
        target = (size + self.multiple_of - 1) // self.multiple_of * self.multiple_of
        period = torch.full((1,), 2 * size - 2, device=x.device).clamp_min(1)  # a tensor: see `mirror_indices`
        target = torch.sym_max(target, self.minimum) if self.minimum > self.multiple_of else target
        index = torch.arange(target, device=x.device) % period
        return x.index_select(axis, torch.minimum(index, period - index))

    def _run(self, x: Tensor) -> Tensor:
        who = f"{type(self.network).__name__}, given an image of {x.shape[-1]}x{x.shape[-2]} pixels,"
        try:
            y = self.network(x)
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError) as error:
            if torch.compiler.is_compiling() or is_out_of_memory(error):
                raise
            advice = "external.multiple_of=… or minimum=… may help, or external.layout=contiguous"
            raise NetworkError(f"{who} fails: {error}; {advice}") from error
        if torch.compiler.is_compiling():  # sizes are not numbers yet
            return y
        expected = (len(x), 3, *(self.scale * side for side in x.shape[-2:]))
        if not isinstance(y, Tensor) or y.shape != expected:
            found = tuple(y.shape) if isinstance(y, Tensor) else f"a {type(y).__name__}"
            advice = "check scale=… and external.multiple_of=…, or name a function that makes a network with one output"
            raise NetworkError(f"{who} gives {found}; expected one tensor {expected}: {advice}")
        return y


def check_precision(network: nn.Module, precision: str) -> None:
    """Raise NetworkError for half precision, by Lightning's names, if a network is not safe in it."""
    if "16" in precision and not getattr(network, "safe_in_half", True):
        raise NetworkError(f"{precision}: the network is not safe in half precision (half=false); use 32-true")


def load_with_spandrel(path: str | Path) -> Any:
    """What spandrel makes of a file: a descriptor, of which `model` is the network.

    Raises NetworkError if spandrel is missing, does not recognise the file, or the network is not for any RGB image.
    """
    if find_spec("spandrel") is None:
        raise NetworkError(
            f"{path}: weights alone do not say whose network they are of; name it by external.target and allow_code, "
            "or let spandrel recognise it: pip install 'aldsr[spandrel]'"
        )
    try:
        from spandrel import ImageModelDescriptor, ModelLoader

        found = ModelLoader().load_from_file(Path(path).expanduser())
    except Exception as error:  # of many kinds
        reason = str(error) or type(error).__name__
        raise NetworkError(f"{path}: not loaded by spandrel ({reason}); name the network by external.target") from error
    rgb = (found.input_channels, found.output_channels) == (3, 3)
    if not isinstance(found, ImageModelDescriptor) or not rgb or found.size_requirements.square:
        raise NetworkError(f"{path}: {found.architecture.name}; expected a network that makes RGB of RGB, of any size")
    return found


def describe_with_spandrel(path: str | Path) -> dict[str, Any]:
    """The description of the network in a file that spandrel recognises: its class, arguments, scale and sizes.

    An argument that is no plain data, such as a class, may only be the default, and is left out.
    """
    found = load_with_spandrel(path)
    kind, sizes, given = type(found.model), found.size_requirements, getattr(found.model, "hyperparameters", None)
    accepted = inspect.signature(kind).parameters
    values = {key: list(x) if isinstance(x, tuple) else x for key, x in (given or {}).items() if key in accepted}
    plain = {key: x for key, x in values.items() if isinstance(x, bool | int | float | str | list | None)}
    if given is None or any(values[key] is not accepted[key].default for key in values.keys() - plain):
        raise NetworkError(f"{path}: spandrel does not tell all arguments of {kind.__name__}; give external.target")
    return {
        "_target_": "aldsr.nn.External",
        "scale": found.scale,
        "network": {"_target_": f"{kind.__module__}.{kind.__qualname__}", **plain},
        "multiple_of": sizes.multiple_of,
        "minimum": max(1, sizes.minimum),
        "half": bool(found.supports_half and found.supports_bfloat16),
        "layout": "contiguous",
    }
