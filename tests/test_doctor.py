"""The command: its exit status, and a report that names every kind, on paper as on a terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aldsr.doctor import main

MakeImage = Callable[..., Path]


@pytest.fixture(autouse=True)
def _wide_and_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def status(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    assert leaving.value.code in (0, 1, 2)
    return int(leaving.value.code)


def spoilt(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("no image")
    return folder


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_a_published_benchmark_has_no_fault(shared: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("--test", shared / "data" / "benchmarks" / name) == 0
    report = capsys.readouterr().out
    assert f"No fault, 0 remarks: {name.removeprefix('Set')} images in 1 sets" in report
    assert "given" in report


def test_every_set_has_its_row(tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]) -> None:
    make_image(tmp_path / "holiday" / "a.png", width=64, height=48)
    make_image(tmp_path / "holiday" / "b.webp", width=80, height=60, seed=1)
    make_image(tmp_path / "Set1" / "HR" / "c.png", seed=2)
    assert status(tmp_path / "holiday", "--test", spoilt(tmp_path / "Set1" / "HR", "d.png"), "--patch-size", "8") == 1
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    assert [row for row in rows if row] == [
        ["holiday", "train", "2", "1 PNG, 1 WEBP", "RGB", "64x48 to 80x60", "made", "0"],
        ["Set1", "test", "1", "PNG", "RGB", "64x48", "made", "1"],
    ]


def test_faults_are_listed_by_kind_the_most_frequent_first(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "one" / "a.png")
    make_image(tmp_path / "one" / "b.png")
    spoilt(tmp_path / "one", "c.png", "d.png")
    assert status("--test", tmp_path / "one", tmp_path / "none") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith(("Fault", "Remark"))] == [
        "Fault: unreadable (2)",
        "Fault: duplicate (1)",
        "Fault: folder (1)",
    ]
    for file in ("one/c.png", "one/d.png", "one/b.png", "none"):
        assert any(line.startswith(f"  {tmp_path}/{file}: ") for line in lines)
    assert lines[-1] == "4 faults and 0 remarks: 2 images in 2 sets"


def test_a_picture_to_train_and_to_test_on_is_a_fault(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = make_image(tmp_path / "train" / "a.png"), make_image(tmp_path / "test" / "b.png")
    assert status(train.parent, "--test", test.parent, "--patch-size", "8") == 1
    report = capsys.readouterr().out
    assert "Fault: in two sets (1)" in report
    assert f"{train}: is the same picture as {test}" in report
    assert status(train.parent, test.parent, "--patch-size", "8") == 0
    assert "Remark: in two sets (1)" in capsys.readouterr().out


def test_remarks_alone_are_no_failure(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "a.jpg")
    assert status("--test", tmp_path) == 0
    report = capsys.readouterr().out
    assert f"Remark: lossy (1)\n  {tmp_path}/a.jpg: " in report
    assert report.endswith("No fault, 1 remarks: 1 images in 1 sets\n")


def test_the_first_of_each_kind_are_shown_and_all_with_all(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]
) -> None:
    spoilt(tmp_path, *(f"f{number}.png" for number in range(7)))
    for number in range(4):
        make_image(tmp_path / f"r{number}.jpg", seed=number)
    assert status("--test", tmp_path) == 1
    short = capsys.readouterr().out
    assert status("--test", tmp_path, "--all") == 1
    long = capsys.readouterr().out
    shown = [sum(f"  {tmp_path}/{kind}" in line for line in short.splitlines()) for kind in "fr"]
    assert shown == [5, 2]
    assert short.count("… and 2 more; --all lists them") == 2
    assert all(f"  {tmp_path}/{name}: " in long for name in [*(f"f{n}.png" for n in range(7)), "r3.jpg"])
    assert "more" not in long
    for report in (short, long):
        assert "Fault: unreadable (7)" in report
        assert "Remark: lossy (4)" in report


@pytest.mark.parametrize(("scale", "remarks"), [("3", 0), ("4", 1)])
def test_a_patch_is_measured_in_lr_pixels(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str], scale: str, remarks: int
) -> None:
    make_image(tmp_path / "a.png", width=60, height=60)
    assert status(tmp_path, "--patch-size", "16", "--scale", scale) == 0
    assert capsys.readouterr().out.count("Remark: small (1)") == remarks
    assert status("--test", tmp_path, "--patch-size", "16", "--scale", scale) == 0
    assert "Remark" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "name at least one folder"), (["here", "--scale", "5"], "--scale"), (["--test"], "--test")],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(*arguments) == 2
    assert said in capsys.readouterr().err


DEFECT = "rich reads markup and emoji into names"


@pytest.mark.parametrize(
    "name",
    [
        "a[bold].png",
        "a[red]b[bold].png",
        "a\\[bold].png",
        "a:cat:.png",
    ],
)
def test_a_file_name_is_printed_as_it_is(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(spoilt(tmp_path / "x", name)) == 1
    assert f"  {tmp_path}/x/{name}: " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["s[bold]", "s:cat:"])
def test_the_name_of_a_set_is_printed_as_it_is(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(spoilt(tmp_path / name, "a.png")) == 1
    assert f"│ {name} │" in capsys.readouterr().out


def test_a_long_path_is_not_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = spoilt(tmp_path / "/".join(["deep" * 12] * 6), "a.png")
    assert status(folder) == 1
    assert f"  {folder}/a.png: " in capsys.readouterr().out


def test_without_a_terminal_there_is_no_progress_in_the_report(
    tmp_path: Path, make_image: MakeImage, capsys: pytest.CaptureFixture[str]
) -> None:
    make_image(tmp_path / "a.png")
    assert status("--test", tmp_path) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.strip().startswith("Data sets")
    assert not any(garbage in captured.out for garbage in ("\x1b", "\r", "%", "Looking at images"))
