"""Results as tables, and the files of results in a run's folder."""

import csv
from pathlib import Path

from aldsr.reporting.tables.results import (
    comparison_sheet,
    cost_sheet,
    images_sheet,
    protocol_line,
    protocols_sheet,
    write_results,
)
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


def test_further_measures_have_columns_of_their_own_where_less_may_be_better() -> None:
    better, worse, without = results(label="A"), results(label="B"), results(label="C")
    for each, vif, lpips in ((better, 0.5, 0.3), (worse, 0.4, 0.2)):
        each["protocol"] |= {"vif": "pixel domain, range 255", "lpips": "alex, RGB in [-1, 1]"}
        each["sets"]["Set5"] |= {"vif": vif, "lpips": lpips}
        each["bicubic"]["Set5"] |= {"vif": 0.9, "lpips": 0.1}
    sheet = comparison_sheet({"A": better, "B": worse, "C": without})
    assert sheet.to_markdown().splitlines()[2:] == [
        "| network | parameters | multi-adds (G) | Set5 | Set5, VIF | Set5, LPIPS ↓ |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| bicubic | 0 | - | 31.25 / 0.8250 | 0.9000 | 0.1000 |",
        "| A | - | - | **33.00 / 0.9250** | **0.5000** | 0.3000 |",
        "| B | - | - | **33.00 / 0.9250** | 0.4000 | **0.2000** |",
        "| C | - | - | **33.00 / 0.9250** | - | - |",
    ]
    assert r"LPIPS $\downarrow$" in sheet.to_latex()
    assert "LPIPS 0.1 (AlexNet)" in protocol_line(without, better)


def test_costs_that_were_not_measured_say_so() -> None:
    form = {"parameters": 10, "latency_s": 0.5, "runs": 3, "peak_memory_bytes": None}
    measured = results()
    measured["cost"] = {"lr": "320x180", "device": "CPU", "threads": 2, "folded": form, "unfolded": form}
    measured["measured"]["precision"] = "32-true"
    text = printed(cost_sheet(measured))
    assert text.startswith("One image, LR 320x180: CPU, 2 threads, 32-true")
    assert "ALD-RDN, folded 10 - 500.0 -" in text
    assert "convolutions" not in text
    assert "ms" not in comparison_sheet({"ALD-RDN": measured}).to_markdown()  # which was without them before


def test_what_the_efficient_sr_field_reports_is_of_the_form_that_is_deployed() -> None:
    timed = {"parameters": 10, "latency_s": 0.5, "runs": 3, "peak_memory_bytes": 3 * 2**20}
    counts = {"convolutions": 43, "activations_256x256": 154_140_672, "multi_adds_256x256": 58_430_849_024}
    full, old = results(), results(label="RDN")
    full["cost"] = {"device": "CPU", "threads": 2, "lr": "320x180", "folded": timed | counts}
    full["cost"]["unfolded"] = timed | counts | {"latency_s": 9.0, "multi_adds": 6 * 10**9}
    full["measured"]["precision"] = old["measured"]["precision"] = "32-true"
    old["cost"] = {"device": "CPU", "threads": 1, "lr": "320x180", "unfolded": timed}
    assert comparison_sheet({"ALD-RDN": full, "RDN": old, "DW-RDN": results()}).to_markdown().splitlines()[2:] == [
        "| network | parameters | multi-adds (G) | convolutions | activations (M), LR 256x256 | "
        "multi-adds (G), LR 256x256 | ms, output 1280x720 | peak memory (MiB) | form and device of these | Set5 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| bicubic | 0 | - | - | - | - | - | - | - | 31.25 / 0.8250 |",
        "| ALD-RDN | - | - | 43 | 154.14 | 58.43 | 500.0 | 3 | folded / CPU, 2 threads, 32-true | **33.00 / 0.9250** |",
        "| RDN | - | - | - | - | - | 500.0 | 3 | unfolded / CPU, 1 thread, 32-true | **33.00 / 0.9250** |",
        "| DW-RDN | - | - | - | - | - | - | - | - | **33.00 / 0.9250** |",
    ]
    assert "ALD-RDN, unfolded 10 6.0 43 154.14 58.43 9,000.0 3" in printed(cost_sheet(full))


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
