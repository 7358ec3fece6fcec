"""Image files → batches: folders, procedural images, a cache, stateless sampling, a LightningDataModule."""

from typing import TYPE_CHECKING, Any

from aldsr.data.augment import augment
from aldsr.data.cache import CachedPair, cache_pairs
from aldsr.data.folders import image_files
from aldsr.data.images import DataError, image_size, is_gray, read_image
from aldsr.data.layouts import MADE, describe_lr, find_folders
from aldsr.data.pairs import Pair, find_pairs, set_name
from aldsr.data.patches import BenchmarkSet, ImagePair, PatchBatch, Patches, describe_pairs, fingerprint
from aldsr.data.sampling import Draw, StepBatches, draw, micro_batch_size
from aldsr.imaging import unit_float

if TYPE_CHECKING:
    from aldsr.data.datamodule import SuperResolutionData
else:

    def __getattr__(name: str) -> Any:
        """Import `SuperResolutionData` when it is used: Lightning takes seconds."""
        if name == "SuperResolutionData":
            from aldsr.data.datamodule import SuperResolutionData

            return SuperResolutionData
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
