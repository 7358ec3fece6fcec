"""Read picture files of any kind, with everything that an upscaled picture has to keep."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import kornia_rs.io
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from aldsr.data import DataError
from aldsr.data.images import ORIENTATION, has_16_bit_tiff_samples, open_image, png_raw_mode
from aldsr.pictures.picture import Picture, Samples

MAX_PIXELS = 500_000_000
# EXIF orientation → whether the stored picture is to be mirrored (left to right), then quarter turns to the left.
TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}
SPACES = {1: b"GRAY", 3: b"RGB "}  # channels → colour space as an ICC profile names it
MINISWHITE, MINISBLACK, RGB = 0, 1, 2  # TIFF's PhotometricInterpretation
KINDS = {MINISWHITE: 1, MINISBLACK: 1, RGB: 3}  # → channels without alpha


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture of 8 or 16 bits, gray or RGB, with its alpha and colour profile, upright.

    Palettes become their colours, one transparent colour becomes alpha, CMYK becomes sRGB (by its profile if it has
    one). Of a phone's multi-picture JPEG and of a TIFF with previews the main picture is read.

    Raises:
        DataError: if the file is missing, truncated, no picture, larger than `max_pixels`, holds several frames or
            pages, or values that are neither 8 nor 16 bits.
    """
    with _silent_pillow(), open_image(path) as image:
        _check_header(path, image, max_pixels)
        icc = image.info.get("icc_profile")
        samples = _read_16_bits(path, image)
        if samples is None:
            samples = _read_8_bits(image)
        mirrored, turns = TURNS.get(image.getexif().get(ORIENTATION, 1), (False, 0))
        samples = np.ascontiguousarray(np.rot90(samples[:, ::-1] if mirrored else samples, turns))
        colours = 3 if samples.shape[-1] > 2 else 1
        alpha = samples[..., colours:] if samples.shape[-1] > colours else None
        if not isinstance(icc, bytes) or icc[16:20] != SPACES[colours]:  # of other colours: that of CMYK before
            icc = None
        return Picture(samples[..., :colours], alpha, icc, str(image.format))


@contextmanager
def _silent_pillow() -> Iterator[None]:
    """Turn off Pillow's limit of pixels, since ours is an option, and its warnings, such as of damaged EXIF."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _check_header(path: Path, image: Image.Image, max_pixels: int) -> None:
    """Refuse by the header, before anything is decoded, what cannot be upscaled."""
    if image.width * image.height > max_pixels:
        raise DataError(
            f"{path}: is {image.width}x{image.height}, {image.width * image.height:,} pixels, and the limit is "
            f"{max_pixels:,}; if you trust the file, allow more with --max-pixels"
        )
    if image.mode == "F":
        raise DataError(f"{path}: holds floating-point values; convert it to an 8- or 16-bit picture")
    frames = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        with tifffile.TiffFile(path) as file:
            frames = sum(not getattr(page, "is_reduced", False) for page in file.pages)
    # A phone's MPO is one photograph, with a depth map, gain map or preview behind it.
    if frames > 1 and image.format != "MPO":
        raise DataError(
            f"{path}: holds {frames} frames or pages; expected a single picture; save the ones you want one by one"
        )


def _read_8_bits(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, C), alpha last; of a TIFF, Pillow applies the orientation while it decodes."""
    image.load()
    if image.mode == "CMYK":
        return np.asarray(_convert_cmyk(image))
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return np.asarray(image.convert("LA" if gray else "RGBA"))
    return np.asarray(image.convert("L"))[..., None] if gray else np.asarray(image.convert("RGB"))


def _convert_cmyk(image: Image.Image) -> Image.Image:
    """Convert to RGB by the colour profile if there is a usable one, else by the simple formula."""
    if icc := image.info.get("icc_profile"):
        srgb = ImageCms.createProfile("sRGB")
        with suppress(ImageCms.PyCMSError, OSError):
            if converted := ImageCms.profileToProfile(image, BytesIO(icc), srgb, outputMode="RGB"):
                return converted
    return image.convert("RGB")


def _read_16_bits(path: Path, image: Image.Image) -> Samples | None:
    """(H, W, C), alpha last, of a file with 16 bits, as they are stored; None of others.

    Pillow reads 16 bits of gray only, and cuts colour without a word.
    """
    if has_16_bit_tiff_samples(image):
        return _read_16_bit_tiff(path)
    if image.mode.startswith("I"):
        return _read_16_bit_gray(path, image)
    if "LA;16" in (raw_mode := png_raw_mode(image)):
        return _read_16_bit_gray_png_with_alpha(path)
    if "RGB" in raw_mode and ";16" in raw_mode:
        samples = np.asarray(kornia_rs.io.read_image_png_u16(str(path), image.mode.lower()))
        return _add_key_alpha(samples, image.info.get("transparency"))
    return None


def _read_16_bit_gray(path: Path, image: Image.Image) -> Samples:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise DataError(f"{path}: holds {values.min()} to {values.max()}, more than 16 bits; convert it to 16 bits")
    return _add_key_alpha(values.astype(np.uint16)[..., None], image.info.get("transparency"))


def _add_key_alpha(samples: Samples, key: int | tuple[int, ...] | None) -> Samples:
    """Add the alpha that makes one colour transparent (PNG's tRNS chunk)."""
    if key is None or samples.shape[-1] in (2, 4):
        return samples
    alpha = np.where((samples == np.array(key)).all(-1, keepdims=True), 0, 65535).astype(np.uint16)
    return np.concatenate((samples, alpha), axis=-1)


def _read_16_bit_tiff(path: Path) -> Samples | None:
    """Gray or RGB with 16 bits; other kinds, such as CMYK, are left to Pillow."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        kind, extra = KINDS.get(int(page.photometric)), page.extrasamples[:1]
        samples = _decode_tiff_page(path, page)
    if kind is None or samples.dtype != np.uint16:
        return None
    # An extra channel without a meaning is no alpha, for Pillow neither.
    if not extra or extra[0] == tifffile.EXTRASAMPLE.UNSPECIFIED:
        return samples[..., :kind]
    if extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        alpha = np.maximum(samples[..., kind : kind + 1], 1).astype(np.float64)
        samples[..., :kind] = np.minimum(samples[..., :kind] / alpha, 1) * 65535 + 0.5
    return samples[..., : kind + 1]


def _decode_tiff_page(path: Path, page: tifffile.TiffPage) -> Samples:
    """(H, W, C), black at 0."""
    try:
        samples = page.asarray()
    except ValueError:
        # tifffile decodes LZW only with another package; kornia does, but not with alpha.
        if page.samplesperpixel not in (1, 3):
            raise
        mode = "rgb" if page.samplesperpixel == 3 else "mono"
        return np.asarray(kornia_rs.io.read_image_tiff_u16(str(path), mode))
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
        samples = samples.transpose(1, 2, 0)
    samples = samples.reshape(*samples.shape[:2], -1)
    if page.photometric == MINISWHITE:
        samples[..., 0] = 65535 - samples[..., 0]
    return samples


def _read_16_bit_gray_png_with_alpha(path: Path) -> Samples:
    """Read a kind of PNG that every library at hand cuts to 8 bits.

    Its pixels have four bytes, as those of 8-bit RGBA, and PNG's filters work on bytes: with a header that says RGBA,
    Pillow decodes the bytes as they are.
    """
    content = bytearray(path.read_bytes())
    content[24:26] = b"\x08\x06"  # IHDR: bit depth, colour type
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image).view(">u2").astype(np.uint16)
