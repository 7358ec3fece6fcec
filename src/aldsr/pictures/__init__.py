"""Users' picture files ↔ samples with bit depth, alpha and colour profile; upscaling them in bands of rows."""

from aldsr.data.images import MAX_PIXELS
from aldsr.pictures.bands import count_tiles, upscale_in_bands
from aldsr.pictures.jobs import PICTURE_FORMATS, Found, Job, find_pictures, plan_jobs
from aldsr.pictures.reading import Picture, read_picture
from aldsr.pictures.writing import write_picture
