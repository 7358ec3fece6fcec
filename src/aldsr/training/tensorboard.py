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
    """Logs metrics, settings and comparison images to event files in `folder`.

    A resumed run writes a further file beside the first, and TensorBoard shows both as one run, every step once:
    `purge_step` is the step that it goes on from; what was logged of later ones before does not count. At most
    `max_queue` values are kept back for `flush_secs` seconds until they are in the file.
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
