"""The numbers of Hwang et al., ALDNet, Tables I to IV, and the conditions to show them beside ours.

None of them was measured by this project.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aldsr.analysis.scores import set_names
from aldsr.analysis.variants import Variant
from aldsr.evaluation.cost import block_parameters
from aldsr.reporting.tables.cells import count_cell
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import Column

SOURCE = "Hwang et al., ALDNet"
SCALE = 4
CONDITIONS = "networks of the paper's size, 300 epochs on DIV2K"  # §III-A


class Score(NamedTuple):
    """PSNR in dB and SSIM, as printed."""

    psnr: str
    ssim: str


class PaperTable(NamedTuple):
    """A published table: its number, its columns, and of each set a score per column (None: printed as "-")."""

    number: str
    columns: list[str]
    scores: dict[str, list[Score | None]]


# The name in the tables: the names of its folder (letters and digits only), and the number of images.
SETS = {
    "Set5": (("set5",), 5),
    "Set14": (("set14",), 14),
    "B100": (("b100", "bsd100", "bsds100"), 100),
    "Urban100": (("urban100",), 100),
    "DIV2K validation": (("div2kvalid", "div2kvalidhr", "div2kvalidation", "div2kval"), 100),
}


def _scores(*rows: str) -> dict[str, list[Score | None]]:
    """Rows as they are printed: "32.47 / 0.8990 | …" per set, in the order of `SETS`."""
    return {
        name: [None if cell.strip() == "-" else Score(*cell.strip().split(" / ")) for cell in row.split("|")]
        for name, row in zip(SETS, rows, strict=True)
    }


TABLE_I = PaperTable(
    "Table I",
    ["RDN", "RDN (re-implemented)", "DW-RDN", "ALD-RDN"],
    _scores(
        "32.47 / 0.8990 | 32.40 / 0.8977 | 32.10 / 0.8937 | 32.18 / 0.8954",
        "28.81 / 0.7871 | 28.73 / 0.7861 | 28.59 / 0.7812 | 28.62 / 0.7837",
        "27.72 / 0.7419 | 27.68 / 0.7397 | 27.57 / 0.7354 | 27.61 / 0.7378",
        "26.61 / 0.8028 | 26.49 / 0.7988 | 26.06 / 0.7843 | 26.23 / 0.7914",
        "- | 30.65 / 0.8430 | 30.45 / 0.8375 | 30.54 / 0.8406",
    ),
)
TABLE_II = PaperTable(
    "Table II",
    ["DW-RDN", "LDW-RDN"],
    _scores(
        "32.10 / 0.8937 | 32.17 / 0.8950",
        "28.59 / 0.7812 | 28.60 / 0.7826",
        "27.57 / 0.7354 | 27.59 / 0.7367",
        "26.06 / 0.7843 | 26.14 / 0.7883",
        "30.45 / 0.8375 | 30.50 / 0.8393",
    ),
)
TABLE_III = PaperTable(
    "Table III",
    ["ALD-RDN (avg)", "ALD-RDN (max)", "ALD-RDN (det)"],
    _scores(
        "32.20 / 0.8953 | 32.23 / 0.8957 | 32.18 / 0.8954",
        "28.66 / 0.7837 | 28.63 / 0.7827 | 28.62 / 0.7837",
        "27.60 / 0.7375 | 27.61 / 0.7372 | 27.61 / 0.7378",
        "26.20 / 0.7905 | 26.23 / 0.7908 | 26.23 / 0.7914",
        "30.52 / 0.8402 | 30.54 / 0.8400 | 30.54 / 0.8406",
    ),
)
# Parameters of one building block, by the label of the network that it makes.
TABLE_IV = {"RDN": 1_363_968, "DW-RDN": 205_056, "LDW-RDN": 205_056, "ALD-RDN": 257_280}

# The table that is shown beside a study, by the study's name; `parameters` has Table IV.
TABLES = {"benchmarks": TABLE_I, "linearity": TABLE_II, "descriptors": TABLE_III}
PARAMETERS = "parameters"
BLOCKS_TITLE = f"Published, not counted by us: {SOURCE}, Table IV"


def find_table(study: str, variants: Sequence[Variant]) -> PaperTable | None:
    """The published table of a study, if its numbers compare with ours: x4, on Y, on a set that we have too."""
    results = variants[0].first.results
    protocol = results["protocol"]
    alike = quantities(results).startswith("PSNR-Y") and (protocol["scale"], protocol["shave"]) == (SCALE, SCALE)
    return TABLES.get(study) if alike and any(match_sets(variants).values()) else None


def match_sets(variants: Sequence[Variant]) -> dict[str, str | None]:
    """The paper's name of each of our sets; None if the paper has no such set."""
    runs = [run.results["sets"] for variant in variants for run in variant.runs.values()]
    numbers = {name: int(sets[name]["number"]) for sets in runs for name in sets}
    return {name: match_set(name, numbers[name]) for name in set_names(variants)}


def match_set(name: str, images: int) -> str | None:
    """The paper's name of one of our sets; None if it has no such set, or one with another number of images."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return next((own for own, (names, number) in SETS.items() if plain in names and number == images), None)


def block_columns(labels: Sequence[str], models: Sequence[Mapping[str, Any]]) -> list[Column]:
    """Parameters of one building block of networks, as counted here and as published in Table IV.

    Args:
        labels: of the networks.
        models: their descriptions.
    """
    return [
        Column("RDB, counted", [count_cell(block_parameters(model)) for model in models]),
        Column("RDB", [count_cell(TABLE_IV.get(label)) for label in labels], paper=True),
    ]
