"""Anyone's picture files ↔ samples with bit depth, alpha and colour profile; upscaling them by bands."""

from aldsr.pictures.banded import tiles_of, upscaled
from aldsr.pictures.picture import Form, Picture, form_of
from aldsr.pictures.planning import FORMATS, Job, found, plan
from aldsr.pictures.reading import MAX_PIXELS, read_picture
from aldsr.pictures.writing import write_picture

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Form",
    "Job",
    "Picture",
    "form_of",
    "found",
    "plan",
    "read_picture",
    "tiles_of",
    "upscaled",
    "write_picture",
]
