"""Where images come from: folders, aldsr's own pictures, a cache, stateless sampling, a LightningDataModule."""

from aldsr.data.augment import augment
from aldsr.data.cache import CachedPair, cache_pairs
from aldsr.data.datamodule import SuperResolutionData
from aldsr.data.images import DataError, image_files, image_size, is_gray, read_image
from aldsr.data.pairs import Pair, find_pairs, set_name
from aldsr.data.patches import BenchmarkSet, ImagePair, PatchBatch, Patches, fingerprint
from aldsr.data.sampling import Draw, StepBatches, draw, micro_batch_size

__all__ = [
    "BenchmarkSet",
    "CachedPair",
    "DataError",
    "Draw",
    "ImagePair",
    "Pair",
    "PatchBatch",
    "Patches",
    "StepBatches",
    "SuperResolutionData",
    "augment",
    "cache_pairs",
    "draw",
    "find_pairs",
    "fingerprint",
    "image_files",
    "image_size",
    "is_gray",
    "micro_batch_size",
    "read_image",
    "set_name",
]
