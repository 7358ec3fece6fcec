"""`python -m aldsr.parameters`: the parameters of the paper's blocks and networks, counted."""

from collections.abc import Sequence

import torch

from aldsr import nn
from aldsr.core.command import make_parser, plain_command
from aldsr.evaluation.cost import count_parameters
from aldsr.reporting.tables.cells import count_cell
from aldsr.reporting.tables.paper import SOURCE, TABLE_IV
from aldsr.reporting.tables.sheet import Column, Sheet, print_sheets

NOTE = "An RDB is counted as in the paper, without biases; a network with all its parameters."


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print Table IV beside our count, and every whole network at each scale."""
    make_parser("parameters", __doc__).parse_args(argv)
    networks = {scale: [build_network(label, scale) for label in TABLE_IV] for scale in (2, 3, 4)}
    blocks = [count_parameters(network.RDBs[0], biases=False) for network in networks[4]]
    columns = [Column("RDB, counted", [*map(count_cell, blocks)])]
    columns.append(Column("RDB", [*map(count_cell, TABLE_IV.values())], paper=True))
    for scale, found in networks.items():
        columns.append(Column(f"network x{scale}", [count_cell(count_parameters(each)) for each in found]))
    published = f"Published, not counted by us: {SOURCE}, Table IV"
    print_sheets([Sheet("Parameters, paper size", "network", list(TABLE_IV), columns, published, notes=[NOTE])])


def build_network(label: str, scale: int) -> nn.RDN:
    """One of the paper's networks in the paper's size, by its name there; without memory and random numbers."""
    block = {"RDN": nn.StandardBlock, "DW-RDN": nn.DWBlock, "LDW-RDN": nn.LDWBlock, "ALD-RDN": nn.ALDBlock}[label]
    with torch.device("meta"):
        return nn.RDN(conv=block, scale=scale)  # whose defaults are the paper's


if __name__ == "__main__":
    main()
