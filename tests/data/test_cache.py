"""The cache of decoded images: right pixels, decoded once per content, whole whoever was killed."""

import errno
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from multiprocessing.synchronize import Barrier
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
import torch.multiprocessing
from torch import Tensor

import aldsr.data.cache as cache_module
from aldsr.data import stores
from aldsr.data.cache import CHOICES, CachedPair, cache_pairs, describe_cache
from aldsr.data.images import DataError, read_image, read_tensor
from aldsr.data.pairs import Pair, find_pairs
from aldsr.data.patches import Patches, fingerprint
from aldsr.imaging import imresize
from tests.command import PATIENCE

MakeImage = Callable[..., Path]


def pixels(path: Path) -> Tensor:
    """An image file as `Tensor[3, H, W]`, past the cache."""
    return torch.tensor(read_image(path)).permute(2, 0, 1)


def cache(folder: Path, *paths: Path, scale: int = 4) -> list[CachedPair]:
    return read(cache_pairs([Pair(path.stem, path, None) for path in paths], scale=scale, folder=folder))


def read(pairs: list[CachedPair]) -> list[CachedPair]:
    """The same with all pixels in memory."""
    return [replace(pair, hr=pair.hr[:, :, :].clone(), lr=pair.lr[:, :, :].clone()) for pair in pairs]


def contents(folder: Path) -> list[bytes]:
    """The names of the images in a cache, one that is there twice as well."""
    return sorted(record[0] for record in np.fromfile(next(folder.glob("*.index")), stores.RECORD).tolist())


def equal(one: list[CachedPair], other: list[CachedPair]) -> bool:
    return all(torch.equal(a.hr, b.hr) and torch.equal(a.lr, b.lr) for a, b in zip(one, other, strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


@pytest.mark.parametrize("kind", ["raw", "packed", "none"])
def test_images_reach_a_loader_process_that_is_spawned(kind: str, folder: Path, make_image: MakeImage) -> None:
    path = make_image(folder / "images" / "a.png")
    pairs = cache_pairs([Pair("a", path, None)], scale=4, folder=folder, kinds=CHOICES[kind])
    assert equal(read(pickle.loads(pickle.dumps(pairs))), read(pairs))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Reads image files, and remembers which."""
    reader = Mock(wraps=read_tensor)
    monkeypatch.setattr(cache_module, "read_tensor", reader)
    return reader


@pytest.mark.parametrize("scale", [2, 3])
def test_lr_made_is_imresize_of_the_cropped_hr(tmp_path: Path, folder: Path, make_image: MakeImage, scale: int) -> None:
    path = make_image(tmp_path / "a.png", width=67, height=49)
    (pair,) = cache(folder, path, scale=scale)
    height, width = 49 // scale, 67 // scale
    cropped = pixels(path)[:, : height * scale, : width * scale]
    assert (pair.name, pair.lr_made) == ("a", True)
    assert (pair.hr.dtype, pair.lr.dtype) == (torch.uint8, torch.uint8)
    assert torch.equal(pair.hr, cropped)
    assert pair.lr.shape == (3, height, width)
    assert torch.equal(pair.lr, imresize(cropped[None], Fraction(1, scale))[0])


# What is decoded again, and what is not


def test_a_renamed_file_is_not_decoded_again(
    tmp_path: Path, folder: Path, make_image: MakeImage, decoded: Mock
) -> None:
    path = make_image(tmp_path / "a.png")
    first = cache(folder, path)
    second = cache(folder, path.rename(tmp_path / "b.png"))
    assert decoded.call_count == 1
    assert equal(first, second)
    assert second[0].name == "b"


def test_new_content_under_the_old_name_is_noticed(
    tmp_path: Path, folder: Path, make_image: MakeImage, decoded: Mock
) -> None:
    changed, kept = make_image(tmp_path / "a.png", seed=1), make_image(tmp_path / "b.png", seed=2)
    pairs = cache(folder, changed, kept)
    assert equal(pairs, cache(folder, changed, kept))
    assert decoded.call_count == 2
    make_image(changed, seed=3)
    pairs = cache(folder, changed, kept)
    assert decoded.call_count == 3
    assert torch.equal(pairs[0].hr, pixels(changed))
    assert torch.equal(pairs[1].hr, pixels(kept))


@pytest.mark.parametrize("way", ["moved over", "written into", "within a tick of the clock", "older version"])
def test_other_content_of_the_same_size_and_time_is_noticed(
    tmp_path: Path, folder: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(cache_module, "TICK", cache_module.TICK if way == "within a tick of the clock" else 0)
    path, other = (make_image(tmp_path / f"{name}.bmp", seed=seed) for seed, name in enumerate("ab"))
    before, expected = path.stat(), pixels(other)
    cache(folder, path, other)
    (index,) = folder.glob("index-*.json")
    entries = json.loads(index.read_text())
    if way == "moved over":
        other.replace(path)
    elif way == "written into":
        path.write_bytes(other.read_bytes())
    else:  # the content is another's, and all that the file system tells of it is the same
        entries[str(path)][-1], expected = entries[str(other)][-1], pixels(path)
        old = {name: [*entry[:2], entry[-1]] for name, entry in entries.items()}
        index.write_text(json.dumps(old if way == "older version" else entries))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert torch.equal(cache(folder, path)[0].hr, expected)


def test_the_content_of_a_file_that_has_settled_is_read_once(
    tmp_path: Path, folder: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "TICK", 0)
    path = make_image(tmp_path / "a.png")
    cache(folder, path)
    monkeypatch.setattr(cache_module, "_digest", Mock(wraps=cache_module._digest))
    cache(folder, path)
    assert cache_module._digest.call_count == 2  # names of the index and of the pair


def test_lr_given_and_lr_made_of_one_hr_do_not_mix(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    hr, lr = make_image(tmp_path / "a.png"), make_image(tmp_path / "ax4.png", width=16, height=12, seed=1)
    for _ in range(2):
        (given,) = read(cache_pairs([Pair("a", hr, lr)], scale=4, folder=folder))
        (made,) = cache(folder, hr)
        assert torch.equal(given.lr, pixels(lr))
        assert torch.equal(made.lr, imresize(pixels(hr)[None], Fraction(1, 4))[0])


@pytest.mark.parametrize("content", ["", "[]", '{{"{path}": null}}'])
def test_a_damaged_index_is_survived(tmp_path: Path, folder: Path, make_image: MakeImage, content: str) -> None:
    path = make_image(tmp_path / "a.png")
    first = cache(folder, path)
    (index,) = folder.glob("index-*.json")
    index.write_text(content.format(path=path))
    assert equal(first, cache(folder, path))


# What cannot be used


def test_what_cannot_be_used_is_named(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    hr = make_image(tmp_path / "a.png", width=66, height=49)
    lr = make_image(tmp_path / "ax4.png", width=12, height=16)
    with pytest.raises(DataError, match=r"ax4\.png: .*12x16.*16x12"):
        cache_pairs([Pair("a", hr, lr)], scale=4, folder=folder)
    with pytest.raises(DataError, match=r"tiny\.png: .*3x40"):
        cache(folder, make_image(tmp_path / "tiny.png", width=3, height=40))
    with pytest.raises(DataError, match=r"none\.png: "):
        cache(folder, tmp_path / "none.png")
    with pytest.raises(DataError, match=r"/a\.png.*ALDSR_CACHE"):
        cache(hr / "cache", hr)


def test_a_broken_image_is_named_and_the_next_call_mends(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    paths = [make_image(tmp_path / f"{number}.png", seed=number) for number in range(3)]
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=re.escape(str(paths[1]))):
        cache(folder, *paths)
    paths[1].write_bytes(whole)
    assert torch.equal(cache(folder, *paths)[1].hr, pixels(paths[1]))


@pytest.mark.parametrize("left", [0, 100, -1])
def test_what_a_power_cut_has_torn_off_is_decoded_again(
    tmp_path: Path, folder: Path, make_image: MakeImage, left: int
) -> None:
    paths = [make_image(tmp_path / f"{n}.png", seed=n) for n in range(3)]
    first = cache(folder, *paths[:2])
    (data,) = folder.glob("*.data")
    data.write_bytes(data.read_bytes()[:left])
    cache(folder, paths[2])  # must not make an image again of what is left
    assert equal(cache(folder, *paths[:2]), first)


def test_a_damaged_cache_file_is_named(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    (pair,) = cache_pairs([Pair("a", make_image(tmp_path / "a.png"), None)], scale=4, folder=folder)
    (data,) = folder.glob("*.data")
    data.write_bytes(b"short")
    with pytest.raises(DataError, match=re.escape(str(data))):
        pair.hr[:, :, :]


# Interrupted, crowded and large


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(OSError(errno.ENOSPC, "No space left on device"), DataError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["disk full", "interrupted"],
)
def test_a_build_that_fails_half_way_leaves_nothing_half_written(
    tmp_path: Path, folder: Path, make_image: MakeImage, failure: BaseException, raised: type[BaseException]
) -> None:
    paths = [make_image(tmp_path / f"{number}.png", seed=number) for number in range(4)]
    expected = cache(tmp_path / "undisturbed", *paths)
    digest, calls = stores.pixel_digest, 0

    def failing(image: Tensor) -> bytes:
        nonlocal calls
        calls += 1
        if calls >= 4:
            raise failure
        return digest(image)

    with pytest.MonkeyPatch.context() as disturbed:
        disturbed.setattr(stores, "pixel_digest", failing)
        with pytest.raises(raised, match="No space left .*ALDSR_CACHE" if raised is DataError else None):
            cache(folder, *paths)
    assert equal(cache(folder, *paths), expected)
    assert contents(folder) == contents(tmp_path / "undisturbed")


def cache_at_once(process: int, images: Path, folder: Path, barrier: Barrier) -> None:
    pairs = find_pairs(images, scale=4)
    barrier.wait(PATIENCE)
    cache_pairs(pairs, scale=4, folder=folder)


@pytest.mark.slow
def test_two_processes_may_build_at_once(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    images = tmp_path / "images"
    for number in range(24):
        make_image(images / f"{number}.png", width=256, height=256, seed=number)
    barrier = torch.multiprocessing.get_context("spawn").Barrier(2)
    torch.multiprocessing.spawn(cache_at_once, (images, folder, barrier), nprocs=2)
    cache(tmp_path / "undisturbed", *images.iterdir())
    assert contents(folder) == contents(tmp_path / "undisturbed")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a list of open files")
def test_mapped_images_keep_no_file_open(tmp_path: Path, folder: Path) -> None:
    for number in range(60):
        (tmp_path / f"{number}.ppm").write_bytes(b"P6 4 4 255\n" + bytes([number] * 48))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    mapped = cache(folder, *sorted(tmp_path.glob("*.ppm")), scale=2)
    assert len(os.listdir("/proc/self/fd")) - before < 20  # noqa: PTH208
    assert {int(pair.hr[0, 0, 0]) for pair in mapped} == set(range(60))


# Packs


@pytest.mark.parametrize("kind", ["raw", "tiles", "none"])
def test_patches_are_the_same_however_images_are_kept(
    tmp_path: Path, folder: Path, make_image: MakeImage, decoded: Mock, kind: str
) -> None:
    """HR that is cropped and has several tiles, and LR that is given and made."""
    files = [make_image(tmp_path / f"{n}.png", width=301 + n, height=203, seed=n) for n in range(3)]
    lr = make_image(tmp_path / "0x3.png", width=100, height=67)
    pairs = [Pair("a", files[0], lr), *(Pair(file.stem, file, None) for file in files)]
    first = cache_pairs(pairs, scale=3, folder=folder, kinds=[kind])
    arrays = read(first)
    assert torch.equal(arrays[1].hr, pixels(files[0])[:, :201, :300])
    assert torch.equal(arrays[0].lr, pixels(lr))
    decoded.reset_mock()
    packed = cache_pairs(pairs, scale=3, folder=folder, kinds=[kind])
    assert not decoded.called
    for images in (first, packed):
        one, other = (Patches(each, patch_size=48, scale=3, seed=1)[range(32)] for each in (arrays, images))
        assert torch.equal(one.lr, other.lr)
        assert torch.equal(one.hr, other.hr)
        assert [pair.hr.shape for pair in images] == [pair.hr.shape for pair in arrays]
        assert fingerprint(pair.hr for pair in images) == fingerprint(pair.hr for pair in arrays)
        assert fingerprint(pair.lr for pair in images) == fingerprint(pair.lr for pair in arrays)


def test_of_a_build_that_is_killed_nothing_is_decoded_twice(
    tmp_path: Path, folder: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    pairs = [Pair(f"{n}", make_image(tmp_path / f"{n}.png", seed=n), None) for n in range(5)]
    opened: list[Path] = []

    def reading(path: Path) -> Tensor:
        opened.append(path)
        if len(opened) == 4:
            raise KeyboardInterrupt
        return read_tensor(path)

    monkeypatch.setattr(cache_module, "read_tensor", reading)
    with pytest.raises(KeyboardInterrupt):
        cache_pairs(pairs, scale=4, folder=folder, kinds=["tiles"])
    (index,), (data,) = folder.glob("*.index"), folder.glob("*.data")
    for file in (index, data):  # as if killed while the next one was written
        file.write_bytes(file.read_bytes() + b"half")
    packed = cache_pairs(pairs, scale=4, folder=folder, kinds=["tiles"])
    assert sorted(opened) == sorted([*(pair.hr for pair in pairs), opened[3]])
    assert torch.equal(packed[3].hr[:, :, :], pixels(pairs[3].hr))


def test_nobody_waits_for_another_process(tmp_path: Path, folder: Path, make_image: MakeImage) -> None:
    folder.mkdir(parents=True)
    with stores.Pack(folder, "raw").open():
        cache(folder, make_image(tmp_path / "a.png"))


def test_sets_that_do_not_fit_as_arrays_are_packed(
    tmp_path: Path, folder: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [Pair(f"{n}", make_image(tmp_path / f"{n}.png", seed=n), None) for n in range(3)]

    def kept(name: str) -> str:
        return describe_cache(cache_pairs(pairs, scale=4, folder=folder / name, kinds=CHOICES["auto"]))

    assert kept("roomy").startswith("3 in raw arrays, ")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Mock(free=40_000))
    assert kept("roomy").startswith("3 in raw arrays, ")  # where they are already
    assert kept("tight").startswith("3 in packed tiles, ")


def test_a_complete_cache_may_be_read_only(
    tmp_path: Path, folder: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path / "a.png")
    refusing = Mock(side_effect=OSError(errno.EROFS, "Read-only file system"))
    for kind in ("raw", "tiles"):
        first = cache_pairs([Pair("a", path, None)], scale=4, folder=folder, kinds=[kind])
        with monkeypatch.context() as read_only:
            for place in ("cache.atomic_write", "stores.Pack.add", "cache.check_room"):
                read_only.setattr(f"aldsr.data.{place}", refusing)
            again = cache_pairs([Pair("a", path, None)], scale=4, folder=folder, kinds=[kind])
        assert equal(read(again), read(first))
