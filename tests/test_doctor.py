"""The command: its exit status, and a report that names every kind, in a file as on a terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.doctor import main
from tests.closed import close_folder
from tests.command import run_command

MakeImage = Callable[..., Path]
Doctor = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command; its exit status and the lines of its report."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path) -> tuple[int, list[str]]:
        status = run_command(main, *map(str, arguments))
        captured = capsys.readouterr()
        assert captured.err == ""
        return status, captured.out.splitlines()

    return run


def write_broken(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("no image")
    return folder


def test_published_benchmarks_have_no_fault_and_share_a_photograph(shared: Path, doctor: Doctor) -> None:
    status, report = doctor("--test", *(shared / "data" / "benchmarks" / name for name in ("Set5", "Set14")))
    assert (status, report.count("Remark: nearly in two sets (1)")) == (0, 1)
    assert report[-1].startswith("No fault, 1 remarks: 19 images in 2 sets")


def test_every_set_has_its_row(tmp_path: Path, make_image: MakeImage, doctor: Doctor) -> None:
    make_image(tmp_path / "holiday" / "a.png", width=64, height=48)
    make_image(tmp_path / "holiday" / "b.webp", width=80, height=60, seed=1)
    make_image(tmp_path / "Set1" / "HR" / "c.png", seed=2)
    hr = write_broken(tmp_path / "Set1" / "HR", "d.png")
    status, report = doctor(tmp_path / "holiday", "--test", hr, "--patch-size", "8", "--lr", "made", "")
    assert status == 1
    assert next(line for line in report if line.strip()).startswith("Data sets")  # no progress bar without a terminal
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in report]
    assert [row for row in rows if row] == [
        ["holiday", "train", "2", "1 PNG, 1 WEBP", "RGB", "64x48 to 80x60", "made (bicubic)", "0"],
        ["Set1", "test", "1", "PNG", "RGB", "64x48", "made (bicubic)", "1"],
    ]


def test_findings_are_listed_by_kind_the_first_of_each_or_all(
    tmp_path: Path, make_image: MakeImage, doctor: Doctor
) -> None:
    test = write_broken(tmp_path / "test", *(f"f{number}.png" for number in range(7)))
    for number in range(4):
        make_image(test / f"r{number}.jpg", seed=number)
    train = make_image(tmp_path / "train" / "a.png", seed=2)
    for options, numbers, more in ((), (5, 2), 2), (("--all",), (7, 4), 0):
        status, report = doctor(train.parent, "--patch-size", "8", *options, "--test", test, tmp_path / "none")
        assert status == 1
        assert [line for line in report if line.startswith(("Fault", "Remark"))] == [
            "Fault: unreadable (7)",
            "Fault: folder (1)",
            "Fault: nearly in two sets (1)",
            "Remark: lossy (4)",
        ]
        assert tuple(sum(f"  {test}/{kind}" in line for line in report) for kind in "fr") == numbers
        assert any(line.startswith(f"  {train}: ") and f"{test}/r2.jpg" in line for line in report)
        assert sum("more" in line for line in report) == more
        assert report[-1].startswith("9 faults and 4 remarks")


@pytest.mark.parametrize(("scale", "remarks"), [("3", 0), ("4", 1)])
def test_a_patch_is_measured_in_lr_pixels(
    tmp_path: Path, make_image: MakeImage, doctor: Doctor, scale: str, remarks: int
) -> None:
    make_image(tmp_path / "a.png", width=60, height=60)
    status, report = doctor(tmp_path, "--patch-size", "16", "--scale", scale)
    assert (status, report.count("Remark: small (1)")) == (0, remarks)


@pytest.mark.parametrize(
    ("arguments", "named"), [([], "folder"), (["here", "--scale", "5"], "--scale"), (["--test"], "--test")]
)
def test_wrong_usage(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(main, *arguments) == 2
    assert named in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a[bold].png", "a\\[bold].png", "a:cat:.png", "/".join(["deep" * 12] * 6) + "/a.png"])
def test_a_file_name_is_printed_as_it_is(tmp_path: Path, name: str, doctor: Doctor) -> None:
    file = tmp_path / "s[bold]:cat:" / name
    status, report = doctor(write_broken(file.parent, file.name))
    assert status == 1
    assert any(line.startswith(f"  {file}: ") for line in report)
    if "deep" not in name:
        assert any("│ s[bold]:cat: │" in line for line in report)


def test_a_folder_that_cannot_be_read_is_a_fault_beside_the_others(
    tmp_path: Path, make_image: MakeImage, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, whole = (make_image(tmp_path / name / "a.png").parent for name in ("closed", "whole"))
    close_folder(monkeypatch, closed, listed=True)
    status, report = doctor(closed, whole)
    assert status == 1
    assert "Fault: folder (1)" in report
    assert any(line.startswith(f"  {closed}: cannot be read (permission denied); ") for line in report)
    assert "1 images in 2 sets" in report[-1]
