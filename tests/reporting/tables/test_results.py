"""Results as tables."""

import csv
from pathlib import Path

from rich.console import Console
from rich.table import Table

from aldsr.reporting.tables.results import (
    comparison_table,
    cost_table,
    explain_table,
    latex,
    markdown,
    protocol_line,
    scores_table,
    write_csv,
)
from tests.evaluation.test_results import results


def printed(table: Table) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_network_stands_beside_bicubic() -> None:
    text = printed(scores_table(results()))
    for expected in ("ALD-RDN", "baby", "31.00 / 0.8000", "32.00 / 0.9000", "+1.00", "Set5, mean of 2", "+1.75"):
        assert expected in text


def test_the_title_says_what_the_figures_are() -> None:
    assert "PSNR-Y (dB) / SSIM-Y, x4" in printed(scores_table(results()))
    assert "PSNR-RGB (dB)" in printed(scores_table(results(protocol="rgb")))


def test_the_protocol_fits_one_line() -> None:
    line = protocol_line(results())
    assert "\n" not in line
    for expected in ("16-235", "replicated", "4 pixels shaved", "uint8 RGB", "Gaussian 11x11", "LR given"):
        assert expected in line


def test_results_in_markdown_mark_the_best() -> None:
    weaker = results("RDN")
    weaker["sets"]["Set5"] |= {"psnr": 30.0, "ssim": 0.7}
    weaker["network"] |= {"parameters": 1234567, "multi_adds": 9876543210}
    assert markdown({"ALD-RDN": results(), "RDN": weaker}) == (
        "| network | parameters | multi-adds (G) | Set5 |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| bicubic | 0 | - | 31.25 / 0.8250 |\n"
        "| ALD-RDN | - | - | **33.00 / 0.9250** |\n"
        "| RDN | 1,234,567 | 9.9 | 30.00 / 0.7000 |\n"
    )


def test_results_in_latex_are_rows_of_a_tabular() -> None:
    lines = latex({"my_net": results(), "b": results()}).splitlines()
    assert lines[2] == r"my\_net & - & - & \textbf{33.00 / 0.9250} \\"
    assert all(line.count(" & ") == 3 and line.endswith(r"\\") for line in lines)


def test_a_set_that_a_result_lacks_is_a_dash() -> None:
    other = results("RDN")
    other["sets"]["B100"] = other["sets"].pop("Set5")
    other["bicubic"]["B100"] = other["bicubic"].pop("Set5")
    rows = markdown({"ALD-RDN": results(), "RDN": other}).splitlines()
    assert rows[0].endswith("| Set5 | B100 |")
    assert rows[3].endswith("| - |")
    assert "B100" in printed(comparison_table({"ALD-RDN": results(), "RDN": other}))


def test_every_protocol_is_explained_by_whose_habit_it_is() -> None:
    text = printed(explain_table({"y": results(), "rgb": results(protocol="rgb")}))
    assert "BasicSR" in text
    assert text.count("33.00 / 0.9250") == 2


def test_costs_that_were_not_measured_say_so() -> None:
    found = {"parameters": 10, "latency_s": 0.5, "runs": 3, "peak_memory_bytes": None}
    measured = results()
    measured["cost"] = {"lr": "320x180", "device": "CPU", "threads": 2, "folded": found, "unfolded": found}
    measured["measured"]["precision"] = "32-true"
    text = printed(cost_table(measured))
    assert text.count("not measured") == 2
    assert "0.500" in text
    assert "2 threads" in text


def test_the_csv_holds_every_image_and_the_mean(tmp_path: Path) -> None:
    write_csv(tmp_path / "results.csv", results())
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["set"], row["image"]) for row in rows] == [("Set5", "baby"), ("Set5", "bird"), ("Set5", "mean")]
    assert [float(row["psnr"]) for row in rows] == [32.0, 34.0, 33.0]
    assert [float(row["bicubic_ssim"]) for row in rows[:2]] == [0.8, 0.85]
