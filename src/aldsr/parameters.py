"""`python -m aldsr.parameters`: the parameters of the paper's blocks and networks, counted."""

from collections.abc import Sequence
from typing import Any

import torch

from aldsr.core.command import make_parser, plain_command
from aldsr.evaluation.cost import count_parameters
from aldsr.nn.description import PAPER_SIZE, build
from aldsr.reporting.tables.cells import count_cell
from aldsr.reporting.tables.paper import BLOCKS_TITLE, TABLE_IV, block_columns
from aldsr.reporting.tables.sheet import Column, Sheet, print_sheets

NOTE = "An RDB is counted as in the paper, without biases; a network with all its parameters."


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print Table IV beside our count, and every whole network at each scale."""
    make_parser("parameters", __doc__).parse_args(argv)
    models = [describe(label) for label in TABLE_IV]
    columns = block_columns(list(TABLE_IV), models)
    for scale in (2, 3, 4):
        columns.append(Column(f"network x{scale}", [count_cell(count(model, scale)) for model in models]))
    print_sheets([Sheet("Parameters, paper size", "network", list(TABLE_IV), columns, BLOCKS_TITLE, notes=[NOTE])])


def describe(label: str) -> dict[str, Any]:
    """The description of one of the paper's networks in the paper's size, by its name there."""
    block = {"RDN": "Standard"}.get(label, label.removesuffix("-RDN"))
    return {"_target_": "aldsr.nn.RDN", **PAPER_SIZE, "conv": {"_target_": f"aldsr.nn.{block}Block", "_partial_": True}}


def count(model: dict[str, Any], scale: int) -> int:
    """Parameters of a network at a scale."""
    with torch.device("meta"):  # no memory, no random numbers
        return count_parameters(build({**model, "scale": scale}))


if __name__ == "__main__":
    main()
