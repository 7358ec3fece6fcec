"""Results as tables, and the files of results in a run's folder."""

import csv
from pathlib import Path

from aldsr.reporting.tables.results import comparison_sheet, cost_sheet, images_sheet, protocols_sheet, write_results
from tests.evaluation.test_results import results
from tests.reporting.recorded import printed


def test_the_network_stands_beside_bicubic() -> None:
    text = printed(images_sheet(results()))
    assert text.startswith("PSNR-Y (dB) / SSIM-Y, x4 image bicubic ALD-RDN gain")
    assert "baby 31.00 / 0.8000 32.00 / 0.9000 +1.00" in text
    assert "Set5, mean of 2 31.25 / 0.8250 33.00 / 0.9250 +1.75" in text
    assert printed(images_sheet(results("rgb"))).startswith("PSNR-RGB (dB) / SSIM-RGB")
    text = printed(protocols_sheet({"y": results(), "rgb": results("rgb")}))
    assert text.count("33.00 / 0.9250") == 2
    assert "BasicSR" in text  # a program that uses the first


def test_a_comparison_marks_the_best_and_has_dashes_for_what_is_not_known() -> None:
    weaker = results(label="RDN")
    weaker["sets"]["Set5"] |= {"psnr": 30.0, "ssim": 0.7}
    weaker["network"] |= {"parameters": 1234567, "multi_adds": 9876543210}
    for part in ("sets", "bicubic"):
        weaker[part]["B100"] = weaker[part]["Set5"]
    assert comparison_sheet({"ALD-RDN": results(), "RDN": weaker}).to_markdown() == (
        "**PSNR-Y (dB) / SSIM-Y, x4**\n\n"
        "| network | parameters | multi-adds (G) | Set5 | B100 |\n"
        "| --- | ---: | ---: | ---: | ---: |\n"
        "| bicubic | 0 | - | 31.25 / 0.8250 | 31.25 / 0.8250 |\n"
        "| ALD-RDN | - | - | **33.00 / 0.9250** | - |\n"
        "| RDN | 1,234,567 | 9.9 | 30.00 / 0.7000 | **30.00 / 0.7000** |\n"
    )
    bicubic = results(label="bicubic")
    bicubic["network"]["parameters"] = 0
    assert comparison_sheet({"bicubic": bicubic, "RDN": weaker}).rows == ["bicubic", "RDN"]  # not added


def test_costs_that_were_not_measured_say_so() -> None:
    form = {"parameters": 10, "latency_s": 0.5, "runs": 3, "peak_memory_bytes": None}
    measured = results()
    measured["cost"] = {"lr": "320x180", "device": "CPU", "threads": 2, "folded": form, "unfolded": form}
    measured["measured"]["precision"] = "32-true"
    text = printed(cost_sheet(measured))
    assert text.startswith("One image, LR 320x180: CPU, 2 threads, 32-true")
    assert "ALD-RDN, folded 10 - 0.500 not measured" in text


def test_a_runs_folder_has_its_results_as_tables(tmp_path: Path) -> None:
    write_results(tmp_path, results())
    assert (tmp_path / "table.md").read_text().splitlines()[3] == "| ALD-RDN | - | - | 33.00 / 0.9250 |"
    assert (tmp_path / "table.md").read_text().endswith("; LR given (bicubic)\n")
    assert (tmp_path / "table.tex").read_text().splitlines()[2] == r"ALD-RDN & - & - & 33.00 / 0.9250 \\"
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["set"], row["image"]) for row in rows] == [("Set5", "baby"), ("Set5", "bird"), ("Set5", "mean")]
    assert [float(row["psnr"]) for row in rows] == [32.0, 34.0, 33.0]
    assert [float(row["bicubic_ssim"]) for row in rows[:2]] == [0.8, 0.85]
