"""The cache of decoded images: right pixels, decoded once per content, whole whoever was killed."""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from torch import Tensor

import aldsr.data.cache as cache_module
from aldsr.data.cache import CachedPair, cache_pairs
from aldsr.data.images import DataError, read_image
from aldsr.data.pairs import Pair, find_pairs
from aldsr.imaging import imresize
from tests.command import PATIENCE

MakeImage = Callable[..., Path]


def pixels(path: Path) -> Tensor:
    """An image file as `Tensor[3, H, W]`, past the cache."""
    return torch.tensor(read_image(path)).permute(2, 0, 1)


def plain(*paths: Path) -> list[Pair]:
    return [Pair(path.stem, path, None) for path in paths]


def files(folder: Path, pattern: str = "*.npy") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def equal(one: list[CachedPair], other: list[CachedPair]) -> bool:
    return all(torch.equal(a.hr, b.hr) and torch.equal(a.lr, b.lr) for a, b in zip(one, other, strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files decoded so far, in this test."""
    names: list[str] = []

    def counted(path: Path) -> np.ndarray:
        names.append(path.name)
        return read_image(path)

    monkeypatch.setattr(cache_module, "read_image", counted)
    return names


# The pixels


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_made_is_imresize_of_the_cropped_hr(tmp_path: Path, folder: Path, make_image: MakeImage, scale: int) -> None:
    path = make_image(tmp_path / "a.png", width=67, height=49)
    (pair,) = cache_pairs(plain(path), scale=scale, folder=folder)
    height, width = 49 // scale, 67 // scale
    cropped = pixels(path)[:, : height * scale, : width * scale]
    assert (pair.name, pair.lr_made) == ("a", True)
    assert (pair.hr.dtype, pair.lr.dtype) == (torch.uint8, torch.uint8)
    assert torch.equal(pair.hr, cropped)
    assert pair.lr.shape == (3, height, width)
    assert torch.equal(pair.lr, imresize(cropped[None], Fraction(1, scale))[0])


# What is decoded again, and what is not


@pytest.mark.parametrize("move", [shutil.copy, shutil.move], ids=["copied", "renamed"])
def test_a_file_of_another_name_is_not_decoded_again(
    tmp_path: Path, folder: Path, make_image: MakeImage, decoded: list[str], move: Callable[[Path, Path], object]
) -> None:
    path = make_image(tmp_path / "a.png")
    first = cache_pairs(plain(path), scale=4, folder=folder)
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "b.png"
    move(path, other)
    second = cache_pairs(plain(other), scale=4, folder=folder)
    assert decoded == ["a.png"]
    assert equal(first, second)
    assert second[0].name == "b"


def test_new_content_under_the_old_name_is_noticed(
    tmp_path: Path, folder: Path, make_image: MakeImage, decoded: list[str]
) -> None:
    changed, kept = make_image(tmp_path / "a.png", seed=1), make_image(tmp_path / "b.png", seed=2)
    before = pixels(changed)
    pairs = cache_pairs(plain(changed, kept), scale=4, folder=folder)
    assert equal(pairs, cache_pairs(plain(changed, kept), scale=4, folder=folder))
    assert sorted(decoded) == ["a.png", "b.png"]
    make_image(changed, seed=3)
    pairs = cache_pairs(plain(changed, kept), scale=4, folder=folder)
    assert torch.equal(pairs[0].hr, pixels(changed))
    assert not torch.equal(pairs[0].hr, before)
    assert torch.equal(pairs[1].hr, pixels(kept))
    assert sorted(decoded) == ["a.png", "a.png", "b.png"]


def test_lr_given_and_lr_made_of_one_hr_do_not_mix(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    hr, lr = make_image(tmp_path / "a.png"), make_image(tmp_path / "ax4.png", width=16, height=12, seed=1)
    for _ in range(2):
        (given,) = cache_pairs([Pair("a", hr, lr)], scale=4, folder=folder)
        (made,) = cache_pairs([Pair("a", hr, None)], scale=4, folder=folder)
        assert torch.equal(given.lr, pixels(lr))
        assert torch.equal(made.lr, imresize(pixels(hr)[None], Fraction(1, 4))[0])


@pytest.mark.parametrize("content", ["", "[]", "\ufffd", "entries"])
def test_a_damaged_index_is_survived(tmp_path: Path, folder: Path, make_image: MakeImage, content: str) -> None:
    path = make_image(tmp_path / "a.png")
    first = cache_pairs(plain(path), scale=4, folder=folder)
    (index,) = folder.glob("index-*.json")
    if content == "entries":
        content = f'{{"{path}": null}}'
    index.write_text(content, encoding="utf-16" if content == "\ufffd" else "utf-8")
    assert equal(first, cache_pairs(plain(path), scale=4, folder=folder))


# What cannot be used


def test_sizes_that_do_not_fit_are_refused(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    hr = make_image(tmp_path / "a.png", width=66, height=49)
    lr = make_image(tmp_path / "ax4.png", width=12, height=16)
    with pytest.raises(DataError, match=r"ax4\.png: .*12x16.*16x12"):
        cache_pairs([Pair("a", hr, lr)], scale=4, folder=folder)
    with pytest.raises(DataError, match=r"tiny\.png: .*3x40"):
        cache_pairs(plain(make_image(tmp_path / "tiny.png", width=3, height=40)), scale=4, folder=folder)


def test_a_broken_image_is_named_and_the_next_call_mends(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    paths = [make_image(tmp_path / f"{number}.png", seed=number) for number in range(5)]
    whole = paths[2].read_bytes()
    paths[2].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=re.escape(str(paths[2]))):
        cache_pairs(plain(*paths), scale=4, folder=folder)
    paths[2].write_bytes(whole)
    pairs = cache_pairs(plain(*paths), scale=4, folder=folder)
    assert all(torch.equal(pair.hr, pixels(path)) for pair, path in zip(pairs, paths, strict=True))


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_truncated_cache_file_is_named(tmp_path: Path, folder: Path, make_image: MakeImage, left: int) -> None:
    pairs = plain(make_image(tmp_path / "a.png"))
    cache_pairs(pairs, scale=4, folder=folder)
    for file in sorted(folder.glob("*.npy")):
        whole = file.read_bytes()
        file.write_bytes(whole[:left])
        with pytest.raises(DataError, match=re.escape(str(file))):
            cache_pairs(pairs, scale=4, folder=folder)
        file.unlink()  # as advised
        cache_pairs(pairs, scale=4, folder=folder)
        assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written(tmp_path: Path, make_image: MakeImage) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"/file.*ALDSR_CACHE"):
        cache_pairs(plain(make_image(tmp_path / "a.png")), scale=4, folder=tmp_path / "file" / "cache")


# Interrupted, crowded and large


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(OSError(errno.ENOSPC, "No space left on device"), DataError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["disk full", "interrupted"],
)
def test_a_build_that_fails_half_way_leaves_nothing_half_written(
    tmp_path: Path,
    folder: Path,
    make_image: MakeImage,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    raised: type[BaseException],
) -> None:
    pairs = plain(*(make_image(tmp_path / f"{number}.png", seed=number) for number in range(4)))
    expected = cache_pairs(pairs, scale=4, folder=tmp_path / "undisturbed")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "undisturbed").glob("*.npy")}
    save, calls = np.save, 0

    def failing(file: BinaryIO, array: np.ndarray) -> None:
        nonlocal calls
        calls += 1
        if calls >= 4:
            file.write(b"half of it")
            file.flush()
            raise failure
        save(file, array)

    with monkeypatch.context() as disturbed:
        disturbed.setattr(np, "save", failing)
        with pytest.raises(raised, match="No space left .*ALDSR_CACHE" if raised is DataError else None):
            cache_pairs(pairs, scale=4, folder=folder)
    left = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    assert 0 < len(left) < len(whole)
    assert left.items() <= whole.items()
    assert files(folder, "*.part") == []
    assert equal(cache_pairs(pairs, scale=4, folder=folder), expected)
    assert files(folder) == sorted(whole)


def test_old_leftovers_are_removed_and_fresh_ones_kept(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    """A fresh one may be what another process is writing now."""
    folder.mkdir(parents=True)
    for name, age in [("old", 2 * 3600), ("fresh", 60)]:
        (folder / f"{name}.part").touch()
        os.utime(folder / f"{name}.part", (time.time() - age,) * 2)
    cache_pairs(plain(make_image(tmp_path / "a.png")), scale=4, folder=folder)
    assert files(folder, "*.part") == ["fresh.part"]


BUILD_AT_A_SIGN = """
import sys, time
from pathlib import Path
from aldsr.data.cache import cache_pairs
from aldsr.data.pairs import find_pairs
images, folder, ready, go = map(Path, sys.argv[1:])
pairs = find_pairs(images, scale=4)
ready.touch()
while not go.exists():
    time.sleep(0.001)
assert len(cache_pairs(pairs, scale=4, folder=folder)) == len(pairs)
"""


@pytest.mark.slow
def test_two_processes_may_build_at_once(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    images, ready, go = tmp_path / "images", tmp_path / "ready", tmp_path / "go"
    for number in range(24):
        make_image(images / f"{number}.png", width=256, height=256, seed=number)
    pairs = find_pairs(images, scale=4)
    arguments = [str(path) for path in (images, folder, ready, go)]
    with subprocess.Popen([sys.executable, "-c", BUILD_AT_A_SIGN, *arguments], stderr=subprocess.PIPE) as other:
        expected = cache_pairs(pairs, scale=4, folder=tmp_path / "undisturbed")  # while the other one starts
        while not ready.exists() and other.poll() is None:
            time.sleep(0.01)
        go.touch()
        mine = cache_pairs(pairs, scale=4, folder=folder)
        _, complaint = other.communicate(timeout=PATIENCE)
    assert other.returncode == 0, complaint.decode()
    assert equal(mine, expected)
    assert {path.name: path.read_bytes() for path in folder.glob("*.npy")} == {
        path.name: path.read_bytes() for path in (tmp_path / "undisturbed").glob("*.npy")
    }
    assert files(folder, "*.part") == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a list of open files")
def test_mapped_images_keep_no_file_open(tmp_path: Path, folder: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.ppm").write_bytes(b"P6 4 4 255\n" + bytes([number] * 48))
    pairs = plain(*sorted(tmp_path.glob("*.ppm")))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    mapped = cache_pairs(pairs, scale=2, folder=folder)
    assert len(os.listdir("/proc/self/fd")) - before < 20  # noqa: PTH208
    assert {int(pair.hr[0, 0, 0]) for pair in mapped} == set(range(60))
