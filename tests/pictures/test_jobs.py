"""Which files are meant by names, folders and patterns, and what each becomes."""

import re
from pathlib import Path

import pytest

from aldsr.data import DataError
from aldsr.pictures import find_pictures, plan_jobs
from tests.closed import close_folder


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.JPG", "c.bmp", "notes.txt", "deep/d.png", "e[1].png"):
        (tmp_path / "scans" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "scans" / name).touch()
    return tmp_path / "scans"


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["scans/b.png"], ["b.png"]),
        (["scans"], ["a.JPG", "b.png", "c.bmp", "e[1].png"]),
        (["scans/*.png"], ["b.png", "e[1].png"]),
        (["scans/**/*.png"], ["b.png", "d.png", "e[1].png"]),
        (["scans/e[1].png"], ["e[1].png"]),
        (["scans/b.png", "scans/./b.png", "scans/[bc].*"], ["b.png", "c.bmp"]),
    ],
)
def test_files_folders_and_patterns(scans: Path, inputs: list[str], names: list[str]) -> None:
    assert sorted(file.name for file in find_pictures(inputs).pictures) == names


@pytest.mark.parametrize("name", ["none.png", "scans/*.tif", "scans/dee*", "scans/deep/deeper"])
def test_an_argument_that_matches_nothing(scans: Path, name: str) -> None:
    with pytest.raises(DataError, match=re.escape(name)):
        find_pictures([name])


@pytest.mark.parametrize("name", ["scans", "scans/b.png", "scans/deep"])
def test_a_folder_that_cannot_be_read(scans: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    close_folder(monkeypatch, scans)
    with pytest.raises(DataError, match=r"^scans: cannot be read \(permission denied\); "):
        find_pictures([name])


@pytest.mark.parametrize(
    ("name", "output", "format", "target", "chosen"),
    [
        ("scans/b.png", "out", "keep", "out/b_x4.png", "png"),
        ("scans/a.JPG", "out", "keep", "out/a_x4.JPG", "jpeg"),
        ("scans/c.bmp", "out", "keep", "out/c_x4.png", "png"),
        ("d.jpeg", "out", "keep", "out/d_x4.jpeg", "jpeg"),
        ("scans/b.png", "out", "webp", "out/b_x4.webp", "webp"),
        ("scans/a.JPG", "out", "jpeg", "out/a_x4.JPG", "jpeg"),
        ("scans/b.png", "out.tiff", "keep", "out.tiff", "tiff"),  # a single picture may have a name
        ("scans/b.png", "folder.png", "keep", "folder.png/b_x4.png", "png"),
    ],
)
def test_names_and_formats(scans: Path, name: str, output: str, format: str, target: str, chosen: str) -> None:
    Path("folder.png").mkdir()
    [job] = plan_jobs({Path(name): Path()}, Path(output), format=format, suffix="_x4")
    assert (job.target, job.format) == (Path(target), chosen)


@pytest.mark.parametrize(
    ("names", "output", "format", "suffix", "words"),
    [
        (["b.png", "c.bmp"], "o.png", "keep", "_x4", "o.png"),
        (["b.png"], "o.png", "jpeg", "_x4", "--format"),
        (["b.png"], "scans/notes.txt", "keep", "_x4", "scans/notes.txt"),
        (["b.png", "deep/../deep/b.png"], "out", "keep", "", "out/b.png"),
        (["b.png"], "scans", "keep", "", "scans/b.png"),
        (["b.png"], "scans/b.png", "keep", "", "scans/b.png"),
    ],
)
def test_outputs_that_do_not_fit(
    scans: Path, names: list[str], output: str, format: str, suffix: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        plan_jobs({Path("scans") / name: Path() for name in names}, Path(output), format=format, suffix=suffix)


def test_every_link_is_an_input_under_its_own_name_and_links_in_circles_end(scans: Path) -> None:
    for number in (1, 2):
        (scans / f"link{number}.png").symlink_to(scans / "b.png")
    (scans / "again").symlink_to(scans / "deep")
    (scans / "deep" / "circle").symlink_to(scans)
    (scans / "lost.png").symlink_to(scans / "none.png")
    found = find_pictures(["scans"], recursive=True)
    targets = [str(job.target) for job in plan_jobs(found.pictures, Path("out"), format="png", suffix="")]
    names = ["a", "b", "c", "e[1]", "link1", "link2", "lost", "again/d", "deep/d"]
    assert targets == [f"out/{name}.png" for name in names]


def test_what_is_left_out_is_known(scans: Path) -> None:
    (scans / "phone.HEIC").touch()
    found = find_pictures(["scans"])
    assert [path.name for path in (*found.others, *found.folders)] == ["notes.txt", "phone.HEIC", "deep"]
    (scans / "deep" / "d.png").unlink()
    with pytest.raises(DataError, match="scans/deep"):
        find_pictures(["scans/deep"], recursive=True)
    with pytest.raises(DataError, match=r"'scans'.*--recursive"):
        find_pictures(["."])


@pytest.mark.parametrize(("output", "recursive"), [("scans", False), ("scans", True), ("scans/out", True)])
def test_results_of_an_earlier_run_into_the_same_folder_are_known(scans: Path, output: str, recursive: bool) -> None:
    for format, suffix in (("keep", "_x4"), ("webp", "_x4"), ("keep", "_x4"), ("keep", "_x2"), ("keep", "_big")):
        found = find_pictures(["scans"], recursive=recursive)
        jobs = plan_jobs(found.pictures, Path(output), format=format, suffix=suffix)
        to_do = [job for job in jobs if not job.result_of]
        assert {job.source.stem for job in to_do} == {"a", "b", "c", "e[1]", *(("d",) if recursive else ())}
        for job in to_do:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            job.target.touch()
