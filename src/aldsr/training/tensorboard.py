"""TensorBoard's event files, in the run's folder."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from PIL import Image

from aldsr.core.errors import OptionError


def check_tensorboard(logger: Mapping[str, Any], section: str) -> None:
    """Raise OptionError if TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise OptionError(f"{section}: TensorBoard is missing; install it: pip install 'aldsr[tensorboard]'")


class TensorBoardLog(TensorBoardLogger):
    """Logs metrics, settings and comparison images.

    A resumed run writes a further file beside the first, and TensorBoard shows both as one run, every step once.

    Args:
        folder: gets the event files.
        flush_secs: seconds until what is logged is in the file.
        max_queue: values that are kept back at most until then.
        purge_step: the step that a resumed run goes on from; what it has logged of later ones before does not count.
    """

    def __init__(
        self, folder: str | Path, *, flush_secs: int = 30, max_queue: int = 10, purge_step: int | None = None
    ) -> None:
        options: dict[str, Any] = {"flush_secs": flush_secs, "max_queue": max_queue, "purge_step": purge_step}
        super().__init__(folder, name="", version="", default_hp_metric=False, **options)

    @rank_zero_only
    def log_image(self, key: str, images: Sequence[Image.Image], step: int | None = None) -> None:
        """Log images as Lightning's logger of W&B does."""
        for image in images:
            self.experiment.add_image(key, np.asarray(image), step, dataformats="HWC")
