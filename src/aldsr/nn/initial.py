"""Start a network from the weights of another one, such as the same network at another scale."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aldsr.nn.description import Description, NetworkError, label, scale_of
from aldsr.nn.foreign import External, read_weights_of
from aldsr.nn.layers import has_layer
from aldsr.nn.pretrained import packaged_weights
from aldsr.nn.weights import find_file, read_described

MOST_NAMES = 12  # in a message
PACKAGED = "packaged"  # the weights that come with aldsr, those of the network's scale


class Initial(NamedTuple):
    """A hash of the weights that a network was started from, those that they did not give, and their description."""

    fingerprint: str
    new_weights: list[str]
    description: Description


def load_initial(network: nn.Module, source: str, *, partial: bool = False) -> Initial:
    """Load the weights of a checkpoint, a weights file, the folder of a run, or "packaged" into a network.

    Every one must fit by name and shape; `partial` leaves out what does not. At another scale the network's upsampling
    part (its attribute `upsampling`) keeps its own first weights.

    Raises NetworkError if there are no weights at `source`, or they do not fit, naming all that do not.
    """
    description, state = _read_any(
        network, packaged_weights(getattr(network, "scale", 4)) if source == PACKAGED else find_file(source)
    )
    own = network.state_dict()
    fits = {key for key in own.keys() & state.keys() if own[key].shape == state[key].shape}
    faults = own.keys() ^ state.keys() | own.keys() - fits
    upsampling = getattr(network, "upsampling", None)
    if upsampling and scale_of(description) != network.scale:
        fits, faults = ({key for key in keys if not key.startswith(f"{upsampling}.")} for keys in (fits, faults))
    if not fits or (faults and not partial):
        names = sorted(faults)
        if len(names) > MOST_NAMES:  # without their numbers: RDBs.*.layers.*.depthwise.weight
            names = list(dict.fromkeys(re.sub(r"\d+\b", "*", name) for name in names))
        origin = f"{label(description)} x{scale_of(description)}" if description else "this file"
        raise NetworkError(
            f"init={source}: {origin} does not fit in {len(faults)} weights: {', '.join(names)}; choose the model and "
            "size that it was trained with, or init_partial=true to take what fits"
        )
    network.load_state_dict({key: state[key] for key in fits}, strict=False)
    return Initial(hash_weights(state), [key for key in own if key not in fits], description)


def _read_any(network: nn.Module, path: Path) -> tuple[Description, dict[str, Tensor]]:
    """The description and weights in a file; anyone's weights of an external network have no description."""
    try:
        return read_described(path)
    except NetworkError:
        if not isinstance(network, External):
            raise
    return {}, {f"network.{key}": value for key, value in read_weights_of(network.network, path).items()}


def draw_by_role(network: nn.Module, seed: int) -> None:
    """Draw all first weights anew, each layer's from the seed, its place and its shape alone.

    Networks that differ in their blocks then start alike in all that they share: the depthwise and pointwise layers of
    LDW and ALD at one place, for instance, and everything outside the blocks. The distributions are torch's own, and
    what a network or block does to its first weights it does again (`adjust_first_weights`).
    """
    blocks = {path for path, module in network.named_modules() if has_layer(module)}
    with torch.random.fork_rng(devices=[]):
        for path, module in network.named_modules():
            if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            place = next((block for block in blocks if path.startswith(f"{block}.")), path)
            role = f"{seed} {place} {tuple(module.weight.shape)}"
            torch.manual_seed(int.from_bytes(hashlib.blake2b(role.encode(), digest_size=8).digest(), "big"))
            module.reset_parameters()
        for module in network.modules():
            if adjust := getattr(module, "adjust_first_weights", None):
                adjust()


def hash_weights(state: Mapping[str, Tensor]) -> str:
    """A hash of names and values."""
    digest = hashlib.blake2b(digest_size=8)
    for key in sorted(state):
        digest.update(key.encode() + state[key].float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
