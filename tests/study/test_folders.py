"""Run folders."""

from pathlib import Path

from aldsr.study import open_folder


def test_a_new_folder_is_made(tmp_path: Path) -> None:
    assert open_folder(tmp_path / "runs" / "a", goes_on=False) is None
    assert list((tmp_path / "runs" / "a").iterdir()) == []


def test_an_earlier_run_is_moved_aside(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "config.yaml").write_text("old")
    moved = open_folder(folder, goes_on=False)
    assert moved is not None
    assert (moved / "config.yaml").read_text() == "old"
    assert not (folder / "config.yaml").exists()


def test_a_run_that_goes_on_keeps_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("old")
    assert open_folder(tmp_path, goes_on=True) is None
    assert (tmp_path / "config.yaml").read_text() == "old"
