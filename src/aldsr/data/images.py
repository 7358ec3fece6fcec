"""Read image files of all kinds: their stored samples for upscaling, RGB in 8 bits for training and scores."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import kornia_rs.io
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms, TiffImagePlugin, UnidentifiedImageError
from torch import Tensor

from aldsr.core.errors import UserError

Samples = NDArray[np.uint8 | np.uint16]
Pixels = NDArray[np.uint8]
ORIENTATION = 0x0112  # EXIF
# Its value → whether the stored picture is to be mirrored (left to right), then quarter turns to the left.
TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}
BITS_PER_SAMPLE, PHOTOMETRIC, PLANAR = 258, 262, 284  # TIFF
COLOURS: dict[int, int] = {tifffile.PHOTOMETRIC.MINISBLACK: 1, tifffile.PHOTOMETRIC.RGB: 3}  # channels but alpha
PILLOWS: dict[int, int] = {0: 1, 3: 1, 5: 4, 6: 3}  # those of inverted gray, palettes, CMYK, YCbCr, left to Pillow
VALUES = {1: "unsigned", 2: "signed", 3: "floating-point"}  # TIFF's sample formats
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how its files begin
OTHERS = {b"ftyphei": "HEIC", b"ftypmif1": "HEIF", b"JXL ": "JPEG XL", b"\x76\x2f\x31\x01": "OpenEXR", b"#?RA": "HDR"}
MAX_PIXELS = 500_000_000
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit of 179 million, which is one for all threads

# Gray and alpha of 16 bits in a TIFF: Pillow shall open the file, which it does not decode (see `_read_16_bits`).
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _alpha in (1, 2):
        TiffImagePlugin.OPEN_INFO[_order, 1, (1,), 1, (16, 16), (_alpha,)] = ("LA", "LA;16B")
GRAY = ("1", "L", "LA", "La")  # modes of Pillow with 8 bits or fewer


class DataError(UserError, ValueError):
    """Images that cannot be used."""


def read_image(path: Path) -> Pixels:
    """Read an image file as RGB, (H, W, 3), uint8, upright.

    Gray becomes three equal channels, a palette its colours; transparency is dropped; 16 bits are rounded to 8; of an
    animation the first frame is read; EXIF orientation is applied.

    Raises DataError if the file is missing, truncated, no image, or holds values that are neither 8 nor 16 bits.
    """
    with open_image(path) as image:
        samples = read_samples(path, image)
    colour = samples[..., :3] if samples.shape[-1] > 2 else samples[..., [0, 0, 0]]
    return np.ascontiguousarray(colour) if colour.dtype == np.uint8 else round_to_8_bits(colour)


def read_tensor(path: Path) -> Tensor:
    """`read_image` as `Tensor[3, H, W]`."""
    return torch.from_numpy(read_image(path).transpose(2, 0, 1).copy())


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image as `read_image` returns it, from the file's header.

    Of a PNG the whole file is read, since its EXIF may come after the pixels.

    Raises DataError if the file is missing or no image.
    """
    with open_image(path) as image:
        # Of a TIFF, Pillow's own size is upright already.
        on_its_side = image.format != "TIFF" and image.getexif().get(ORIENTATION, 1) in range(5, 9)
        return (image.height, image.width) if on_its_side else (image.width, image.height)


def is_gray(path: Path) -> bool:
    """Whether a file's header says gray; three equal channels are colour. Raises DataError if there is no image."""
    with open_image(path) as image:
        # Gray with alpha in 16 bits opens as RGBA.
        return "LA;16" in _png_raw_mode(image) or image.mode in GRAY or image.mode.startswith("I")


@contextmanager
def open_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Open an image file without decoding it; whatever fails, here or while decoding, becomes a `DataError`."""
    try:
        _check_tiff(path)
        with Image.open(path) as image:
            if image.width * image.height > max_pixels:
                raise DataError(
                    f"{path}: is {image.width}x{image.height}, {image.width * image.height:,} pixels, and the limit is "
                    f"{max_pixels:,}; cut it into parts or, for aldsr.upscale, allow more with --max-pixels"
                )
            image.filename = ""  # or Pillow maps some TIFFs into memory, and scrambles those that are marked as turned
            yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        found = "a link to a file that is not there" if path.is_symlink() else "no such file"
        raise DataError(f"{path}: {found}") from error
    except UnidentifiedImageError as error:
        start = path.read_bytes()[:16]
        kinds = [name for mark, name in OTHERS.items() if mark in start]
        found = "".join(kinds) or ("of an unknown kind" if start else "empty")
        raise DataError(f"{path}: is {found}, and no image that Pillow reads; convert or remove it") from error
    # Pillow's decoders raise many kinds for a broken file, SyntaxError among them; kornia's raise Exception.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as an image ({reason}); replace or remove the file") from error


def _check_tiff(path: Path) -> None:
    """Refuse a TIFF that Pillow would read as something else, or refuse without the reason."""
    with path.open("rb") as file:
        if file.read(4) not in TIFF:
            return
    with suppress(tifffile.TiffFileError), tifffile.TiffFile(path) as tiff:
        page, pages = tiff.pages.first, sum(not getattr(page, "is_reduced", False) for page in tiff.pages)
        bands, bits, form = page.samplesperpixel, page.bitspersample, page.sampleformat
        colours = (COLOURS | PILLOWS).get(page.photometric, bands)
        whole = form in (1, 4) or (form == 2 and bits in (16, 32) and bands == 1)  # 4: undefined
        few = bands == colours or (bands == colours + 1 and (any(page.extrasamples) or colours > 1))
        if pages > 1 or not (whole and few and bits in ((1, 2, 4, 8, 16, 32) if bands == 1 else (8, 16))):
            kind = f"{bands} band{'s' * (bands > 1)} of {VALUES.get(form, 'complex')} {bits}-bit values"
            raise DataError(
                f"{path}: holds {f'{pages} pages, each ' if pages > 1 else ''}{kind}; expected one picture, gray "
                "or RGB, with or without alpha, of 8 or 16 unsigned bits; convert it"
            )


def has_16_bits(image: Image.Image) -> bool:
    """Whether an image that is not decoded yet has more than 8 bits a sample, by its header."""
    return 16 in _tiff_bits(image) or image.mode.startswith("I") or ";16" in str(image.tile)  # type: ignore[attr-defined]


def _tiff_bits(image: Image.Image) -> tuple[int, ...]:
    """Bits of each sample of a TIFF; empty for other formats."""
    return image.tag_v2.get(BITS_PER_SAMPLE, ()) if image.format == "TIFF" else ()  # type: ignore[attr-defined]


def _png_raw_mode(image: Image.Image) -> str:
    """What tells the bits of a PNG that is not decoded yet, such as "RGB;16B"; empty for other formats."""
    return str(image.tile) if image.format == "PNG" else ""  # type: ignore[attr-defined]


def round_to_8_bits(samples: NDArray[np.integer]) -> Pixels:
    """0…65535 → 0…255."""
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def read_samples(path: Path, image: Image.Image) -> Samples:
    """Decode an opened file, upright: (H, W, C), gray or RGB, alpha last, in the bits and range that are stored.

    Palettes become their colours, one transparent colour becomes alpha, CMYK becomes sRGB (by its profile if it has
    one).

    Raises DataError if the file holds values that are neither 8 nor 16 bits; others, if it is broken, see `open_image`.
    """
    if image.mode == "F":
        raise DataError(f"{path}: holds floating-point values; convert it to an 8- or 16-bit image")
    samples = _read_16_bits(path, image)
    if samples is None:
        samples = _read_8_bits(image)
    # A TIFF that Pillow decoded is upright by now, and has lost its mark.
    mirrored, turns = TURNS.get(image.getexif().get(ORIENTATION, 1), (False, 0))
    return np.ascontiguousarray(np.rot90(samples[:, ::-1] if mirrored else samples, turns))


def _read_8_bits(image: Image.Image) -> Pixels:
    image.load()
    if image.mode == "CMYK":
        return np.asarray(_convert_cmyk(image))
    mode = ("L" if image.mode in GRAY else "RGB") + ("A" if image.has_transparency_data else "")
    return np.atleast_3d(np.asarray(image.convert(mode)))


def _convert_cmyk(image: Image.Image) -> Image.Image:
    """Convert to RGB by the colour profile if there is a usable one, else by the simple formula."""
    if icc := image.info.get("icc_profile"):
        srgb = ImageCms.createProfile("sRGB")
        with suppress(ImageCms.PyCMSError, OSError):
            if converted := ImageCms.profileToProfile(image, BytesIO(icc), srgb, outputMode="RGB"):
                return converted
    return image.convert("RGB")


def _read_16_bits(path: Path, image: Image.Image) -> Samples | None:
    """The samples of a file with 16 bits; None of others. Pillow keeps 16 bits of gray only, and cuts colour."""
    raw_mode, bits = _png_raw_mode(image), _tiff_bits(image)
    # Pillow cannot read gray and alpha that are stored one after the other.
    if len(bits) > 1 and (16 in bits or (image.mode in GRAY and image.tag_v2.get(PLANAR) == 2)):  # type: ignore[attr-defined]
        return _read_tiff(path)
    if image.mode.startswith("I"):
        samples = _read_16_bit_gray(path, image)
    elif "LA;16" in raw_mode:
        return _read_16_bit_gray_png_with_alpha(path)
    elif "RGB" in raw_mode and ";16" in raw_mode:
        samples = np.asarray(kornia_rs.io.read_image_png_u16(str(path), image.mode.lower()))
    else:
        return None
    key = image.info.get("transparency")  # of a PNG: the colour that is transparent
    if key is None or samples.shape[-1] == 4:
        return samples
    alpha = np.where((samples == np.array(key)).all(-1, keepdims=True), 0, 65535).astype(np.uint16)
    return np.concatenate((samples, alpha), axis=-1)


def _read_16_bit_gray(path: Path, image: Image.Image) -> NDArray[np.uint16]:
    image.load()  # which may turn it, before its shape is asked for
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        found = f"holds values from {values.min()} to {values.max()}"
        raise DataError(f"{path}: {found}; expected 0 to 65535, 16 unsigned bits; convert it")
    samples = values.astype(np.uint16)[..., None]
    inverted = image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == tifffile.PHOTOMETRIC.MINISWHITE  # type: ignore[attr-defined]
    return 65535 - samples if inverted else samples


def _read_tiff(path: Path) -> Samples | None:
    """Samples of several channels, gray or RGB; other kinds, such as CMYK, are left to Pillow."""
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        try:
            samples = page.asarray()
        except ValueError:
            # tifffile decodes LZW only with another package; kornia does, but not with alpha.
            if page.samplesperpixel != 3:
                raise
            return np.asarray(kornia_rs.io.read_image_tiff_u16(str(path), "rgb"))
        colours, extra = COLOURS.get(page.photometric), page.extrasamples[:1]
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            samples = samples.transpose(1, 2, 0)
    if colours is None or samples.dtype not in (np.uint8, np.uint16):
        return None
    # An extra channel without a meaning is no alpha, for Pillow neither.
    if not extra or extra[0] == tifffile.EXTRASAMPLE.UNSPECIFIED:
        return samples[..., :colours]
    if extra[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        alpha = np.maximum(samples[..., colours : colours + 1], 1).astype(np.float64)
        largest = np.iinfo(samples.dtype).max
        samples[..., :colours] = np.minimum(samples[..., :colours] / alpha, 1) * largest + 0.5
    return samples[..., : colours + 1]


def _read_16_bit_gray_png_with_alpha(path: Path) -> NDArray[np.uint16]:
    """Read a kind of PNG that every library at hand cuts to 8 bits.

    Its pixels have four bytes, as those of 8-bit RGBA, and PNG's filters work on bytes: with a header that says RGBA,
    Pillow decodes the bytes as they are.
    """
    content = bytearray(path.read_bytes())
    content[24:26] = b"\x08\x06"  # IHDR: bit depth, colour type
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with Image.open(BytesIO(content)) as image:
        return np.asarray(image).view(">u2").astype(np.uint16)
