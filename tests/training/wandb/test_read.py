"""What was logged can be read back, also where a segment's end is missing."""

import struct
from pathlib import Path

import pytest
import wandb

from aldsr.training import finish_wandb
from aldsr.training.wandb.read import BLOCK, finished, mend, recorded

NOTE = "x" * 100_000  # longer than three blocks of the file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished offline run."""
    folder = tmp_path_factory.mktemp("run")
    options = {"project": "p", "name": "n", "group": "g", "job_type": "train", "tags": ["a", "b"], "id": "abc"}
    settings = wandb.Settings(silent=True, console="off")
    logged = wandb.init(dir=folder, mode="offline", config={"model": {"C": 4}}, settings=settings, **options)
    for step in range(5):
        logged.log({"loss": 1 / (step + 1), "Set5/psnr": float(step)})
    logged.log({"note": NOTE})
    logged.log({"loss": float("nan")})
    logged.summary["cost"] = {"parameters": 7}
    logged.summary["kept"] = [1, 2]
    finish_wandb()
    return folder


def segment(folder: Path) -> Path:
    (path,) = folder.glob("wandb/offline-run-*/run-abc.wandb")
    return path


def copy_of(run: Path, folder: Path, content: bytes) -> Path:
    """A run of which this is left."""
    path = folder / segment(run).relative_to(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return folder


def test_a_run_is_read_back(run: Path) -> None:
    found = recorded(run)
    assert (found.ids, found.name, found.project, found.group) == (["abc"], "n", "p", "g")
    assert (found.job_type, found.tags) == ("train", ["a", "b"])
    assert found.segments == [segment(run)]  # once, though W&B links to it as the latest run
    assert [row["loss"] for row in found.rows[:5]] == [1 / (step + 1) for step in range(5)]
    assert [row["Set5/psnr"] for row in found.rows[:5]] == [0, 1, 2, 3, 4]
    assert found.rows[5]["note"] == NOTE
    assert found.config["model"] == {"C": 4}
    assert (found.summary["cost"], found.summary["kept"]) == ({"parameters": 7}, [1, 2])
    assert found.summary["Set5/psnr"] == 4
    assert found.complete


def test_a_segment_is_finished_once_its_last_record_is_there(run: Path, tmp_path: Path) -> None:
    assert finished(segment(run))
    copy_of(run, tmp_path, segment(run).read_bytes()[:-3])
    assert not finished(segment(tmp_path))
    assert not finished(tmp_path / "none.wandb")


def test_another_runs_segments_can_be_left_out(run: Path) -> None:
    assert recorded(run, run_id="other").segments == []


def test_nothing_was_logged(tmp_path: Path) -> None:
    found = recorded(tmp_path)
    assert (found.segments, found.rows, found.complete) == ([], [], True)


def test_of_a_killed_run_everything_before_the_cut_is_read(run: Path, tmp_path: Path) -> None:
    whole, content = recorded(run).rows, segment(run).read_bytes()
    lengths = set()
    for cut in [0, 3, 7, 8, *range(0, len(content), 997), len(content)]:
        rows = recorded(copy_of(run, tmp_path, content[:cut])).rows
        assert str(rows) == str(whole[: len(rows)])  # as text, in which NaN equals NaN
        lengths.add(len(rows))
    assert lengths >= {0, 5, 7}


def test_a_damaged_block_costs_what_lies_in_it_and_no_more(run: Path, tmp_path: Path) -> None:
    whole, content = [str(row) for row in recorded(run).rows], segment(run).read_bytes()
    lost = set()
    for place in range(BLOCK + BLOCK // 2, len(content), BLOCK):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        rows = [str(row) for row in recorded(copy_of(run, tmp_path, bytes(damaged))).rows]
        assert rows[:5] == whole[:5]  # of the first block
        assert [row for row in whole if row in rows] == rows
        lost.add(len(whole) - len(rows))
    assert lost == {0, 1}  # the summary has the note too


def test_of_a_format_that_is_not_known_nothing_counts(run: Path, tmp_path: Path) -> None:
    other = struct.pack("<4sHB", b":W&B", 0xBEE1, 9) + segment(run).read_bytes()[7:]
    with pytest.warns(UserWarning, match=r"run-abc\.wandb: cannot be read with this version of wandb"):
        found = recorded(copy_of(run, tmp_path, other))
    assert (found.rows, found.complete) == ([], False)


def test_a_killed_runs_segment_is_cut_behind_its_last_whole_record(run: Path, tmp_path: Path) -> None:
    content = segment(run).read_bytes()
    for cut in (len(content) - 3, len(content) // 2, 1000):
        rows = recorded(copy_of(run, tmp_path, content[:cut])).rows
        mend(tmp_path)
        mended = segment(tmp_path).read_bytes()
        assert content.startswith(mended)
        assert len(mended) <= cut
        assert str(recorded(tmp_path).rows) == str(rows)
        mend(tmp_path)
        assert segment(tmp_path).read_bytes() == mended


@pytest.mark.parametrize("length", [0, 3, 7, 20])
def test_a_segment_without_a_record_is_removed(length: int, run: Path, tmp_path: Path) -> None:
    copy_of(run, tmp_path, segment(run).read_bytes()[:length])
    mend(tmp_path)
    assert recorded(tmp_path).segments == []


def test_a_whole_segment_and_one_that_is_not_known_stay_as_they_are(run: Path, tmp_path: Path) -> None:
    for content in (segment(run).read_bytes(), b"something else"):
        copy_of(run, tmp_path, content)
        mend(tmp_path)
        assert segment(tmp_path).read_bytes() == content
