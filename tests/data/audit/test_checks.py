"""Every fault and every remark, planted one at a time: found, named, and nothing else said."""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import kornia_rs.io
import numpy as np
import pytest
import skimage.data
import tifffile
import torch
from PIL import Image, ImageOps

from aldsr.data.audit.checks import Finding, examine, shared
from aldsr.data.photographs import PHOTOGRAPHS
from aldsr.imaging import imresize

MakeImage = Callable[..., Path]


@cache
def photograph(name: str = "astronaut", width: int = 160, height: int = 120) -> Image.Image:
    """A small textured picture."""
    with Image.open(Path(skimage.data.__file__).parent / PHOTOGRAPHS[name]) as image:
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def smaller(image: Image.Image, *, scale: int = 4, **border: Any) -> Image.Image:
    """LR as MATLAB makes it."""
    hr = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    hr = hr[..., : image.height // scale * scale, : image.width // scale * scale]
    return Image.fromarray(imresize(hr, Fraction(1, scale), **border)[0].permute(1, 2, 0).numpy())


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def save_pair(folder: Path, name: str, image: Image.Image, *, scale: int = 4, **border: Any) -> None:
    save(image, folder / "HR" / f"{name}.png")
    save(smaller(image, scale=scale, **border), folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png")


def the_fault(findings: Iterable[Finding], kind: str, *names: str) -> str:
    """The sentence of the only finding, a fault of this kind that has these names."""
    return _only(findings, kind, True, names)


def the_remark(findings: Iterable[Finding], kind: str, *names: str) -> str:
    return _only(findings, kind, False, names)


def _only(findings: Iterable[Finding], kind: str, fault: bool, names: Iterable[str]) -> str:
    found = list(findings)
    assert [(each.kind, each.fault) for each in found] == [(kind, fault)]
    assert all(name in found[0].said for name in names)
    return found[0].said


# A clean set


@pytest.mark.parametrize("border", ["replicate", "symmetric"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_clean_set_with_lr_gives_no_finding(tmp_path: Path, scale: int, border: str) -> None:
    for name in ("astronaut", "coffee"):
        save_pair(tmp_path / "Set2", name, photograph(name, 180, 120), scale=scale, border=border)
    examined = examine(tmp_path / "Set2", scale=scale, patch=120, test=True)
    assert examined.findings == []
    assert (examined.name, examined.test, examined.lr, len(examined.seen)) == ("Set2", True, "given", 2)


def test_a_clean_folder_of_images_gives_no_finding(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "b.png", width=64, height=48)
    make_image(tmp_path / "a.webp", width=48, height=40, seed=1)
    save(Image.open(tmp_path / "b.png").convert("L"), tmp_path / "c.png")
    examined = examine(str(tmp_path), scale=4, patch=40)
    assert examined.findings == []
    assert [each.path.name for each in examined.seen] == ["a.webp", "b.png", "c.png"]
    assert (examined.test, examined.lr) == (False, "made")
    assert (examined.formats, examined.modes, examined.sizes) == ("2 PNG, 1 WEBP", "2 RGB, 1 L", "48x40 to 64x48")


def test_sets_of_different_photographs_share_nothing(tmp_path: Path) -> None:
    for number, name in enumerate(PHOTOGRAPHS):
        save(photograph(name), tmp_path / f"{number % 2}" / f"{name}.png")
    one, other = examine(tmp_path / "0", scale=4), examine(tmp_path / "1", scale=4, test=True)
    assert list(shared(one, other)) == []


def test_no_file_is_changed_added_or_removed(tmp_path: Path) -> None:
    def listing() -> dict[Path, tuple[int, int, bytes]]:
        stats = {path: path.stat() for path in (tmp_path, *tmp_path.rglob("*"))}
        return {
            path: (stat.st_size, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path, stat in stats.items()
        }

    save_pair(tmp_path / "Set", "a", photograph())
    save(photograph("coffee"), tmp_path / "Set" / "HR" / "b.jpg")
    (tmp_path / "Set" / "HR" / "broken.png").write_bytes(b"no image")
    (tmp_path / "Set" / "HR" / "notes.txt").write_text("by hand")
    before = listing()
    one, other = (examine(tmp_path / "Set", scale=4, test=test) for test in (False, True))
    assert list(shared(one, other))
    assert listing() == before


# Faults of folders and files


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    examined = examine(tmp_path / "none", scale=4)
    the_fault(examined.findings, "folder", f"{tmp_path}/none: ")
    assert (examined.name, examined.seen, examined.sizes) == ("none", (), "")


def test_a_folder_without_images_is_a_fault(tmp_path: Path) -> None:
    the_fault(examine(tmp_path, scale=4).findings, "folder", f"{tmp_path}: holds no image")


def test_an_empty_lr_folder_is_a_fault(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "Set" / "HR" / "a.png")
    (tmp_path / "Set" / "LR_bicubic" / "X4").mkdir(parents=True)
    the_fault(examine(tmp_path / "Set", scale=4).findings, "folder", "Set/LR_bicubic/X4: holds no image")


def broken(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def text(path: Path) -> None:
    path.write_text("no image at all\n")


def floating_point(path: Path) -> None:
    tifffile.imwrite(path, np.ones((48, 64), np.float32))


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [(broken, "a.png", "replace or remove"), (text, "a.png", "cannot be"), (floating_point, "a.tif", "floating-point")],
    ids=["truncated", "text", "floating-point"],
)
def test_an_unreadable_image_is_a_fault_and_the_others_are_seen(
    tmp_path: Path, make_image: MakeImage, spoil: Callable[[Path], None], name: str, said: str
) -> None:
    spoil(make_image(tmp_path / name))
    make_image(tmp_path / "whole.png", seed=1)
    examined = examine(tmp_path, scale=4)
    the_fault(examined.findings, "unreadable", f"/{name}: ", said)
    assert [each.path.name for each in examined.seen] == ["whole.png"]


def test_two_files_of_one_name_are_a_fault(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "a.bmp")
    make_image(tmp_path / "a.png", seed=1)
    the_fault(examine(tmp_path, scale=4).findings, "same name", "/a.png: ", "a.bmp")


def test_two_lr_files_of_one_image_are_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", photograph())
    save(smaller(photograph()), tmp_path / "LR_bicubic" / "X4" / "a.png")
    the_fault(examine(tmp_path, scale=4).findings, "same name", "/ax4.png: ", "a.png")


def test_one_single_colour_is_a_fault(tmp_path: Path) -> None:
    save(Image.new("RGB", (64, 48), (10, 20, 31)), tmp_path / "flat.png")
    the_fault(examine(tmp_path, scale=4).findings, "one colour", "/flat.png: ")


def test_one_pixel_of_another_colour_is_enough(tmp_path: Path) -> None:
    flat = Image.new("RGB", (64, 48), (10, 20, 31))
    flat.putpixel((63, 47), (10, 20, 32))
    save(flat, tmp_path / "nearly.png")
    assert examine(tmp_path, scale=4).findings == []


def test_hr_smaller_than_one_lr_pixel_is_a_fault(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "tiny.png", width=48, height=3)
    the_fault(examine(tmp_path, scale=4, patch=96).findings, "too small", "/tiny.png: ", "48x3")
    assert examine(tmp_path, scale=3).findings == []


# Faults of LR


def test_hr_without_lr_is_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path / "Set", "a", photograph())
    for name in ("brick", "camera", "coffee", "coins"):
        save(photograph(name), tmp_path / "Set" / "HR" / f"{name}.png")
    found = examine(tmp_path / "Set", scale=4).findings
    the_fault(found, "HR without LR", "Set/LR_bicubic/X4: ", "Set/HR", "'brick', 'camera', 'coffee' and 1 more")


def test_lr_without_hr_is_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path / "Set", "a", photograph())
    save(smaller(photograph("coffee")), tmp_path / "Set" / "LR_bicubic" / "X4" / "coffeex4.png")
    found = examine(tmp_path / "Set", scale=4).findings
    the_fault(found, "LR without HR", "Set/HR: ", "Set/LR_bicubic/X4", "'coffee'")


def test_lr_of_another_scale_is_not_looked_at(tmp_path: Path) -> None:
    save(photograph(), tmp_path / "HR" / "a.png")
    save(photograph("coffee"), tmp_path / "LR_bicubic" / "X2" / "bx2.png")
    examined = examine(tmp_path, scale=4)
    assert (examined.findings, examined.lr) == ([], "made")


LR = Path("LR_bicubic", "X4", "ax4.png")


def test_an_unreadable_lr_image_is_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", photograph())
    broken(tmp_path / LR)
    examined = examine(tmp_path, scale=4)
    the_fault(examined.findings, "unreadable", "/ax4.png: ")
    assert len(examined.seen) == 1


def test_lr_of_the_wrong_size_is_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", photograph())
    save(smaller(photograph(), scale=2), tmp_path / LR)
    the_fault(examine(tmp_path, scale=4).findings, "wrong size", "/ax4.png: is 80x60, expected 40x30", "a.png")


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (lambda hr: hr.resize((40, 30), Image.Resampling.BICUBIC), "Pillow's bicubic"),
        (lambda hr: hr.reduce(4), "averaged blocks"),
        (lambda hr: Image.fromarray(np.array(hr)[::4, ::4]), "nearest"),
    ],
    ids=["bicubic", "averaged", "nearest"],
)
def test_lr_by_another_library_is_a_fault_that_is_named(
    tmp_path: Path, method: Callable[[Image.Image], Image.Image], name: str
) -> None:
    save_pair(tmp_path, "a", photograph("chelsea"))
    save(method(photograph("chelsea")), tmp_path / LR)
    said = the_fault(examine(tmp_path, scale=4).findings, "LR not by MATLAB", "/ax4.png: ", name)
    assert " dB from it" in said


def test_lr_of_another_image_is_a_fault(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", photograph())
    save(smaller(photograph("coffee")), tmp_path / LR)
    the_fault(examine(tmp_path, scale=4).findings, "LR of another image", "/ax4.png: ", "a.png")


# The same picture twice


@pytest.mark.parametrize("test", [True, False], ids=["test", "train"])
def test_a_duplicate_is_a_fault_in_a_test_set_and_a_remark_in_training(
    tmp_path: Path, make_image: MakeImage, test: bool
) -> None:
    make_image(tmp_path / "a.png")
    make_image(tmp_path / "b.bmp")
    make_image(tmp_path / "c.png", seed=1)
    judge = the_fault if test else the_remark
    judge(examine(tmp_path, scale=4, test=test).findings, "duplicate", "/b.bmp: ", "a.png")


def two_sets(tmp_path: Path, train: bool, test: bool) -> list[Finding]:
    """What the folders "one" and "other" share, each to train on or to test on."""
    one, other = (examine(tmp_path / name, scale=4, test=test) for name, test in (("one", not train), ("other", test)))
    assert not any(finding.fault for each in (one, other) for finding in each.findings)
    return list(shared(one, other))


def test_a_picture_to_train_and_to_test_on_is_a_fault(tmp_path: Path) -> None:
    for name in ("brick", "coffee"):
        save(photograph(name), tmp_path / "one" / f"{name}.png")
    save(photograph("coffee"), tmp_path / "other" / "cup.bmp")
    said = the_fault(two_sets(tmp_path, train=True, test=True), "in two sets", "one/coffee.png: ", "other/cup.bmp")
    assert "remove it from the training set" in said


@pytest.mark.parametrize("test", [True, False], ids=["test", "train"])
def test_a_picture_in_two_sets_of_one_role_is_a_remark(tmp_path: Path, test: bool) -> None:
    save(photograph(), tmp_path / "one" / "a.png")
    save(photograph(), tmp_path / "other" / "b.png")
    said = the_remark(two_sets(tmp_path, train=not test, test=test), "in two sets", "one/a.png: ", "other/b.png")
    assert "remove" not in said


def recompressed(image: Image.Image) -> Image.Image:
    with io.BytesIO() as file:
        image.save(file, "JPEG", quality=30)
        return Image.open(file).convert("RGB")


VERSIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "rescaled": lambda image: image.resize((101, 77), Image.Resampling.BILINEAR),
    "flipped": ImageOps.mirror,
    "JPEG": recompressed,
    "all of it": lambda image: recompressed(ImageOps.flip(image).rotate(90, expand=True).resize((90, 120))),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_photograph_to_train_and_another_version_to_test_on_is_a_fault(tmp_path: Path, version: str) -> None:
    for name in ("astronaut", "brick", "chelsea"):
        save(photograph(name), tmp_path / "one" / f"{name}.png")
    for name in ("chelsea", "coffee"):
        save(VERSIONS[version](photograph(name)), tmp_path / "other" / f"{name}.png")
    found = two_sets(tmp_path, train=True, test=True)
    said = the_fault(found, "nearly in two sets", "one/chelsea.png: ", "other/chelsea.png", "correlation ")
    assert "remove it from the training set" in said


def test_another_version_in_two_training_sets_is_a_remark(tmp_path: Path) -> None:
    save(photograph(), tmp_path / "one" / "a.png")
    save(ImageOps.mirror(photograph()), tmp_path / "other" / "b.png")
    found = two_sets(tmp_path, train=True, test=False)
    said = the_remark(found, "nearly in two sets", "one/a.png: ", "other/b.png")
    assert "remove" not in said


def test_two_single_colours_are_not_one_photograph(tmp_path: Path) -> None:
    for name, colour in (("one", (10, 20, 31)), ("other", (20, 40, 62))):
        save(Image.new("RGB", (100, 150), colour), tmp_path / name / "flat.png")
    one, other = (examine(tmp_path / name, scale=4) for name in ("one", "other"))
    assert list(shared(one, other)) == []


# Remarks


def pixels(*shape: int, dtype: type[np.unsignedinteger[Any]] = np.uint8) -> Any:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)


def palette(path: Path) -> None:
    Image.fromarray(pixels(48, 64, 3)).quantize(16).save(path, transparency=3)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: Image.fromarray(pixels(48, 64, 4)).save(path),
        lambda path: Image.fromarray(pixels(48, 64, 2)).save(path),
        palette,
    ],
    ids=["RGBA", "LA", "palette"],
)
def test_transparency_is_remarked(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "a.png")
    the_remark(examine(tmp_path, scale=4).findings, "transparency", "/a.png: ")


def deep_colour_png(path: Path) -> None:
    kornia_rs.io.write_image_png_u16(str(path), pixels(48, 64, 3, dtype=np.uint16), "rgb")


def deep_colour_tiff(path: Path) -> None:
    tifffile.imwrite(path, pixels(48, 64, 3, dtype=np.uint16), photometric="rgb")


def deep_planar_tiff(path: Path) -> None:
    tifffile.imwrite(path, pixels(3, 48, 64, dtype=np.uint16), photometric="rgb", planarconfig="separate")


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda path: Image.fromarray(pixels(48, 64, dtype=np.uint16)).save(path), "gray.png"),
        (deep_colour_png, "colour.png"),
        (deep_colour_tiff, "colour.tif"),
        (deep_planar_tiff, "planar.tif"),
    ],
    ids=["gray", "PNG", "TIFF", "planar TIFF"],
)
def test_16_bits_are_remarked(tmp_path: Path, write: Callable[[Path], None], name: str) -> None:
    write(tmp_path / name)
    the_remark(examine(tmp_path, scale=4).findings, "16 bits", f"/{name}: ")


def animate(path: Path) -> Path:
    first, *others = (Image.fromarray(pixels(48, 64, 3)).rotate(turn) for turn in (0, 90, 180))
    return save(first, path, save_all=True, append_images=others)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_an_animation_is_remarked(tmp_path: Path, suffix: str) -> None:
    animate(tmp_path / f"a.{suffix}")
    the_remark(examine(tmp_path, scale=4).findings, "animation", f"/a.{suffix}: has 3 frames")


def test_an_animation_that_breaks_off_after_its_first_frame_stops_nothing(tmp_path: Path) -> None:
    whole = animate(tmp_path / "a.gif").read_bytes()
    for length in range(len(whole) // 2, len(whole), len(whole) // 40):
        (tmp_path / "a.gif").write_bytes(whole[:length])
        assert len(examine(tmp_path, scale=4).findings) == 1


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(("orientation", "size"), [(3, (160, 120)), (8, (120, 160))])
def test_exif_orientation_is_remarked(tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
    save(photograph(), tmp_path / "a.png", exif=oriented(orientation))
    examined = examine(tmp_path, scale=4)
    the_remark(examined.findings, "turned", "/a.png: ")
    assert [each.size for each in examined.seen] == [size]


@pytest.mark.parametrize("orientation", [1, 0])
def test_an_orientation_that_turns_nothing_is_not_remarked(tmp_path: Path, orientation: int) -> None:
    save(photograph(), tmp_path / "a.png", exif=oriented(orientation))
    assert examine(tmp_path, scale=4).findings == []


def test_jpeg_is_remarked(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "a.jpg")
    the_remark(examine(tmp_path, scale=4).findings, "lossy", "/a.jpg: ")


@pytest.mark.parametrize(("width", "height"), [(60, 50), (50, 60), (50, 50)])
def test_a_size_that_is_no_multiple_of_the_scale_is_remarked(
    tmp_path: Path, make_image: MakeImage, width: int, height: int
) -> None:
    make_image(tmp_path / "a.png", width=width, height=height)
    the_remark(examine(tmp_path, scale=3).findings, "no multiple", f"/a.png: {width}x{height}", "multiple of 3")
    assert examine(tmp_path, scale=2).findings == []


def test_lr_of_the_cropped_image_is_right_where_hr_is_no_multiple(tmp_path: Path) -> None:
    save_pair(tmp_path, "a", photograph(width=163, height=121))
    the_remark(examine(tmp_path, scale=4).findings, "no multiple", "/a.png: 163x121")


def test_an_image_too_small_for_a_patch_is_remarked(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "a.png", width=64, height=48)
    the_remark(examine(tmp_path, scale=4, patch=49).findings, "small", "/a.png: 64x48", "49x49")
    assert examine(tmp_path, scale=4, patch=48).findings == []


def test_other_files_of_the_folder_are_remarked(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "a.png")
    make_image(tmp_path / "deeper" / "b.png")
    for name in ("notes.txt", "Thumbs.db", "list.csv", "a.npy", ".hidden"):
        (tmp_path / name).touch()
    said = the_remark(examine(tmp_path, scale=4).findings, "other files", f"{tmp_path}: ")
    assert "'Thumbs.db', 'a.npy', 'list.csv' and 1 more" in said


def test_every_remark_about_one_image_is_made(tmp_path: Path) -> None:
    save(photograph(width=161, height=120), tmp_path / "a.jpg", exif=oriented(6))
    findings = examine(tmp_path, scale=4, patch=192).findings
    assert {each.kind for each in findings} == {"lossy", "turned", "no multiple", "small"}
    assert not any(each.fault for each in findings)
