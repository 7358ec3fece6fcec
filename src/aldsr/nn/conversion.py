"""Published weights by the names of the networks here."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

IMDN_NAMES: tuple[tuple[str, Any], ...] = (  # patterns of the authors' names, and ours
    (r"^module\.", ""),  # of a network that was trained on several GPUs
    (r"^IMDB(\d+)\.", lambda found: f"IMDMs.{int(found[1]) - 1}."),
    (r"^(IMDMs\.\d+\.c[1-4])\.", r"\1.0."),
    (r"^(IMDMs\.\d+\.cca)\.conv_du\.", r"\1."),
)


def imdn_state_dict(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of `IMDN` with its standard block, from a file of its authors (Zheng222/IMDN).

    Every weight is kept, so that loading shows whether all fit.
    """
    renamed = {}
    for name, value in state.items():
        for pattern, ours in IMDN_NAMES:
            name = re.sub(pattern, ours, name)
        renamed[name] = value
    return renamed
