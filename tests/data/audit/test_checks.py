"""Every fault and every remark, one at a time: found, named, and nothing else reported."""

import shutil
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from kornia_rs.io import write_image_png_u16
from PIL import Image, ImageOps

from aldsr.data.audit.checks import Finding, audit_set, find_shared_images
from aldsr.data.photographs import PHOTOGRAPHS
from aldsr.imaging import Degradation, imresize
from tests.data.test_images import deep_noise, noise, orientation, save_tiff

MakeImage = Callable[..., Path]


@cache
def photograph(name: str = "astronaut", width: int = 160, height: int = 120) -> Image.Image:
    """A small textured image."""
    with Image.open(Path(skimage.data.__file__).parent / PHOTOGRAPHS[name]) as image:
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def downscale(image: Image.Image, *, scale: int = 4) -> Image.Image:
    """LR as MATLAB makes it."""
    hr = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    return Image.fromarray(imresize(hr, Fraction(1, scale))[0].permute(1, 2, 0).numpy())


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def save_pair(folder: Path, name: str, image: Image.Image, *, scale: int = 4) -> Path:
    """Write an HR image and its LR image; the path of the latter."""
    save(image, folder / "HR" / f"{name}.png")
    return save(downscale(image, scale=scale), folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png")


def check(findings: Iterable[Finding], kind: str, *names: str, fault: bool = True) -> None:
    """Check that there is one finding, of this kind, whose message has these names."""
    (finding,) = findings
    assert (finding.kind, finding.fault) == (kind, fault)
    assert all(name in finding.message for name in names), finding.message


def test_a_clean_set_with_lr(tmp_path: Path) -> None:
    for name in ("astronaut", "coffee"):
        save_pair(tmp_path / "Set2", name, photograph(name, 180, 120), scale=3)
    audit = audit_set(tmp_path / "Set2", scale=3, patch=120, test=True)
    assert audit.findings == []
    assert (audit.name, audit.test, audit.lr, len(audit.images)) == ("Set2", True, "given (bicubic)", 2)


@pytest.mark.parametrize(("name", "lr"), [("low_res", "made (bicubic)"), ("LR_unknown", "given (bicubic)")])
def test_lr_that_is_not_used(tmp_path: Path, name: str, lr: str) -> None:
    small = save_pair(tmp_path, "a", photograph())
    other = save(Image.open(small), tmp_path / name / "a.png").parent
    if lr.startswith("made"):
        shutil.rmtree(small.parents[1])
    audit = audit_set(tmp_path, scale=4)
    check(audit.findings, "LR not used", str(other), fault=lr.startswith("made"))
    assert audit.lr == lr


def test_a_clean_folder_of_images(tmp_path: Path, make_image: MakeImage) -> None:
    save(Image.open(make_image(tmp_path / "b.png")).convert("L"), tmp_path / "c.png")
    make_image(tmp_path / "a.webp", width=48, height=40, seed=1)
    audit = audit_set(str(tmp_path), scale=4, patch=40)
    assert audit.findings == []
    assert [(image.path.name, image.format, image.mode, image.size) for image in audit.images] == [
        ("a.webp", "WEBP", "RGB", (48, 40)),
        ("b.png", "PNG", "RGB", (64, 48)),
        ("c.png", "PNG", "L", (64, 48)),
    ]


def test_a_missing_folder_and_an_unreadable_image(tmp_path: Path, make_image: MakeImage) -> None:
    check(audit_set(tmp_path / "none", scale=4).findings, "folder", f"{tmp_path}/none: ")
    (tmp_path / "a.png").write_text("no image")
    make_image(tmp_path / "b.png")
    audit = audit_set(tmp_path, scale=4)
    check(audit.findings, "unreadable", "/a.png: ")
    assert [image.path.name for image in audit.images] == ["b.png"]


def test_all_faults_in_the_names_of_files_are_reported(tmp_path: Path) -> None:
    for name in ("astronaut", "brick", "camera"):
        lr = save_pair(tmp_path, name, photograph(name))
    lr.rename(lr.with_name("otherx4.png"))
    for name in ("brick.bmp", "lake_HR.png", "lake_LR.png"):
        save(photograph("coins"), tmp_path / "HR" / name)
    kinds = {finding.kind: finding.message for finding in audit_set(tmp_path, scale=4).findings}
    assert kinds.keys() >= {"same name", "HR without LR", "LR without HR", "LR among HR"}
    assert "/brick.png: " in kinds["same name"]


def test_faults_of_lr(tmp_path: Path) -> None:
    lr = save_pair(tmp_path, "a", photograph())
    save(photograph().resize((40, 30), Image.Resampling.BICUBIC), lr)
    check(audit_set(tmp_path, scale=4).findings, "LR not by MATLAB", "/ax4.png: ")
    lr.write_text("no image")
    check(audit_set(tmp_path, scale=4).findings, "unreadable", "/ax4.png: ")


def test_bd_is_recognised_beside_bicubic_and_checked_where_a_folder_is_called_so(tmp_path: Path) -> None:
    small = save_pair(tmp_path, "a", photograph(width=159), scale=3)
    hr = torch.from_numpy(np.array(photograph(width=159))).permute(2, 0, 1)[None]
    bd = Image.fromarray(Degradation.from_options({"steps": ["bd"]}).make(hr, scale=3)[0].permute(1, 2, 0).numpy())
    bicubic = Image.open(small).copy()
    save(bd, small)
    check(audit_set(tmp_path, scale=3).findings, "LR not by MATLAB", "/ax3.png: ", "BD")
    (tmp_path / "LR_bicubic").rename(tmp_path / "LRBD")
    assert audit_set(tmp_path, scale=3).findings == []
    save(bicubic, tmp_path / "LRBD" / "X3" / "ax3.png")
    check(audit_set(tmp_path, scale=3).findings, "LR not BD", "MATLAB's bicubic")


def test_useless_images(tmp_path: Path, make_image: MakeImage) -> None:
    make_image(tmp_path / "tiny" / "a.png", width=48, height=3)
    check(audit_set(tmp_path / "tiny", scale=4, patch=96).findings, "too small", "/a.png: ", "48x3")
    make_image(tmp_path / "shaved" / "a.png", width=48, height=16)  # 8 rows are left, and SSIM needs 11
    assert audit_set(tmp_path / "shaved", scale=4).findings == []
    check(audit_set(tmp_path / "shaved", scale=4, test=True).findings, "too small", "/a.png: ", "19x19")
    flat = save(Image.new("RGB", (64, 48), (10, 20, 31)), tmp_path / "flat" / "a.png")
    check(audit_set(flat.parent, scale=4).findings, "one colour", "/a.png: ")


@pytest.mark.parametrize("test", [True, False])
def test_a_duplicate_is_a_fault_in_a_test_set_only(tmp_path: Path, make_image: MakeImage, test: bool) -> None:
    make_image(tmp_path / "a.png")
    make_image(tmp_path / "b.bmp")
    make_image(tmp_path / "c.png", seed=1)
    check(audit_set(tmp_path, scale=4, test=test).findings, "duplicate", "/b.bmp: ", "a.png", fault=test)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    ("version", "kind"), [(Image.Image.copy, "in two sets"), (ImageOps.flip, "nearly in two sets")]
)
def test_a_photograph_in_two_sets_is_a_fault_if_one_trains_and_the_other_tests(
    tmp_path: Path, version: Callable[..., Image.Image], kind: str, train: bool
) -> None:
    for name in ("astronaut", "brick", "chelsea"):
        save(photograph(name), tmp_path / "one" / f"{name}.png")
    for name in ("chelsea", "coffee"):
        save(version(photograph(name)), tmp_path / "other" / f"{name}.bmp")
    sets = [audit_set(tmp_path / name, scale=4, test=test) for name, test in (("one", not train), ("other", True))]
    check(find_shared_images(*sets), kind, "one/chelsea.png: ", "other/chelsea.bmp", fault=train)


def save_animation(path: Path) -> None:
    first, *others = (Image.fromarray(noise(48, 64, 3, seed=seed)) for seed in range(3))
    save(first, path, save_all=True, append_images=others)


@pytest.mark.parametrize(
    ("kind", "name", "write"),
    [
        ("transparency", "rgba.png", lambda path: Image.fromarray(noise(48, 64, 4)).save(path)),
        ("transparency", "palette.png", lambda path: photograph().quantize(16).save(path, transparency=3)),
        ("16 bits", "gray.png", lambda path: Image.fromarray(deep_noise(48, 64)).save(path)),
        ("16 bits", "rgb.png", lambda path: write_image_png_u16(str(path), deep_noise(48, 64, 3), "rgb")),
        ("16 bits", "rgb.tif", lambda path: save_tiff(path, deep_noise(48, 64, 3), planarconfig="separate")),
        ("animation", "a.gif", save_animation),
        ("animation", "a.webp", save_animation),
        ("turned", "a.png", lambda path: photograph().save(path, exif=orientation(8))),
        ("lossy", "a.jpg", lambda path: photograph().save(path)),
        ("no multiple", "a.png", lambda path: photograph(width=163).save(path)),
        ("small", "a.png", lambda path: photograph(width=160, height=44).save(path)),
        ("other files", "", lambda path: [photograph().save(path / "a.png"), (path / "a.txt").touch()]),
    ],
)
def test_remarks(tmp_path: Path, kind: str, name: str, write: Callable[[Path], object]) -> None:
    write(tmp_path / name)
    check(audit_set(tmp_path, scale=4, patch=48).findings, kind, f"{tmp_path / name}: ", fault=False)


def test_an_animation_that_breaks_off(tmp_path: Path) -> None:
    save_animation(tmp_path / "a.gif")
    content = (tmp_path / "a.gif").read_bytes()
    for length in range(len(content) // 2, len(content), len(content) // 8):
        (tmp_path / "a.gif").write_bytes(content[:length])
        assert len(audit_set(tmp_path, scale=4).findings) == 1
