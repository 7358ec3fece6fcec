"""The numbers of Hwang et al., ALDNet, Tables I to IV, and the conditions to show them beside ours.

None of them was measured by this project.
"""

from collections.abc import Sequence
from typing import NamedTuple

from aldsr.analysis.scores import set_sizes
from aldsr.analysis.variants import Variant
from aldsr.reporting.tables.results import quantities
from aldsr.reporting.tables.sheet import Cell

SOURCE = "Hwang et al., ALDNet"
SCALE = 4
CONDITIONS = "networks of the paper's size, 300 epochs on DIV2K"  # §III-A


class PaperTable(NamedTuple):
    """A published table: its number, and of each column a cell per set: PSNR in dB and SSIM, as printed."""

    number: str
    columns: dict[str, dict[str, Cell]]


# The name in the tables: the names of its folder (letters and digits only), and the number of images.
SETS = {
    "Set5": (("set5",), 5),
    "Set14": (("set14",), 14),
    "B100": (("b100", "bsd100", "bsds100"), 100),
    "Urban100": (("urban100",), 100),
    "DIV2K validation": (("div2kvalid", "div2kvalidhr", "div2kvalidation", "div2kval"), 100),
}


def _column(*cells: str) -> dict[str, Cell]:
    return {name: tuple(cell.split(" / ")) for name, cell in zip(SETS, cells, strict=True)}


RDN = _column("32.47 / 0.8990", "28.81 / 0.7871", "27.72 / 0.7419", "26.61 / 0.8028", "-")
REIMPLEMENTED = _column("32.40 / 0.8977", "28.73 / 0.7861", "27.68 / 0.7397", "26.49 / 0.7988", "30.65 / 0.8430")
DW = _column("32.10 / 0.8937", "28.59 / 0.7812", "27.57 / 0.7354", "26.06 / 0.7843", "30.45 / 0.8375")
LDW = _column("32.17 / 0.8950", "28.60 / 0.7826", "27.59 / 0.7367", "26.14 / 0.7883", "30.50 / 0.8393")
AVERAGE = _column("32.20 / 0.8953", "28.66 / 0.7837", "27.60 / 0.7375", "26.20 / 0.7905", "30.52 / 0.8402")
MAXIMUM = _column("32.23 / 0.8957", "28.63 / 0.7827", "27.61 / 0.7372", "26.23 / 0.7908", "30.54 / 0.8400")
DETERMINANT = _column("32.18 / 0.8954", "28.62 / 0.7837", "27.61 / 0.7378", "26.23 / 0.7914", "30.54 / 0.8406")

# The table that is shown beside a study, by the study's name.
TABLES = {
    "benchmarks": PaperTable(
        "Table I", {"RDN": RDN, "RDN (re-implemented)": REIMPLEMENTED, "DW-RDN": DW, "ALD-RDN": DETERMINANT}
    ),
    "linearity": PaperTable("Table II", {"DW-RDN": DW, "LDW-RDN": LDW}),
    "descriptors": PaperTable(
        "Table III", {"ALD-RDN (avg)": AVERAGE, "ALD-RDN (max)": MAXIMUM, "ALD-RDN (det)": DETERMINANT}
    ),
}
# Parameters of one building block, by the label of the network that it makes.
TABLE_IV = {"RDN": 1_363_968, "DW-RDN": 205_056, "LDW-RDN": 205_056, "ALD-RDN": 257_280}


def find_table(study: str, variants: Sequence[Variant]) -> PaperTable | None:
    """The published table of a study, if its numbers compare with ours: x4, on Y, on a set that we have too."""
    results = variants[0].first.results
    protocol = results["protocol"]
    alike = quantities(results).startswith("PSNR-Y") and (protocol["scale"], protocol["shave"]) == (SCALE, SCALE)
    return TABLES.get(study) if alike and match_sets(variants) else None


def match_sets(variants: Sequence[Variant]) -> dict[str, str]:
    """The paper's names of those of our sets that it has, with as many images."""
    return {
        name: published
        for name, number in set_sizes(variants).items()
        for published, (folders, images) in SETS.items()
        if "".join(filter(str.isalnum, name.lower())) in folders and number == images
    }
