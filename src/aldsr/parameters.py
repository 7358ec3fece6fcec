"""`python -m aldsr.parameters`: the parameters of the paper's blocks and networks, counted."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from aldsr.core.command import plain_command
from aldsr.evaluation.cost import count_parameters, rdb_parameters
from aldsr.nn.description import build, label
from aldsr.run.configs import config_dir

PAPER = {"rdn": 1_363_968, "dw_rdn": 205_056, "ldw_rdn": 205_056, "ald_rdn": 257_280}  # ALDNet, Table IV


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print Table IV beside our count, and every whole network at each scale."""
    table = Table(title="Parameters, paper size", title_justify="left")
    for column in ("", "RDB, Table IV", "RDB, counted", "network x2", "network x3", "network x4"):
        table.add_column(column, justify="right" if column else "left")
    for model, published in PAPER.items():
        descriptions = [described(model, scale) for scale in (2, 3, 4)]
        block = build(descriptions[0]["conv"])
        whole = [count_parameters(build(description)) for description in descriptions]
        numbers = [published, rdb_parameters(block), *whole]
        table.add_row(label(descriptions[0]), *(f"{number:,}" for number in numbers))
    console = Console()
    console.print(table)
    console.print("An RDB is counted as in the paper, without biases; a network with all its parameters.")


def described(model: str, scale: int) -> dict:
    """A network of the paper's size as plain data."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train", [f"model={model}", "size=paper", f"scale={scale}"])
    description = OmegaConf.to_container(config.model, resolve=True)
    assert isinstance(description, dict)
    return description


if __name__ == "__main__":
    main()
