"""Comparison pictures: LR by bicubic | SR | HR."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from PIL import Image, ImageDraw
from torch import Tensor

from aldsr.core.files import atomic_write
from aldsr.imaging import busiest, imresize

BAR = 20  # pixels of caption above each picture


def comparison(lr: Tensor, sr: Tensor, hr: Tensor, *, captions: tuple[str, str, str], side: int) -> Image.Image:
    """The same crop of bicubic, SR and HR side by side, with captions.

    Args:
        lr: `Tensor[3, H, W]`, sr and hr: `Tensor[3, sH, sW]`, all uint8.
        captions: what stands above each.
        side: largest side of the crop in HR pixels, taken where HR has most detail.
    """
    scale = hr.shape[-1] // lr.shape[-1]
    bicubic = imresize(lr[None], scale)[0]
    rows, columns = busiest(hr, side)
    width = columns.stop - columns.start
    canvas = Image.new("RGB", (3 * width, BAR + rows.stop - rows.start), "white")
    draw = ImageDraw.Draw(canvas)
    for place, (image, caption) in enumerate(zip((bicubic, sr, hr), captions, strict=True)):
        crop = image[:, rows, columns].permute(1, 2, 0).cpu().numpy()
        canvas.paste(Image.fromarray(np.ascontiguousarray(crop)), (place * width, BAR))
        draw.text((place * width + 4, 3), caption, fill="black", font_size=13)
    return canvas


class ComparisonImages(Callback):
    """Writes comparison pictures of the first images of every set, and logs a few of them.

    Args:
        folder: gets `SET-IMAGE.png`, replaced at every validation.
        name: of the network, for the captions.
        per_set: images of each set.
        side: largest side of the crop, in HR pixels.
    """

    def __init__(self, *, folder: str | Path, name: str, per_set: int = 8, side: int = 320) -> None:
        self.folder = Path(folder)
        self.name = name
        self.per_set = per_set
        self.side = side
        self.shown: dict[str, tuple[Tensor, Tensor, Tensor]] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.shown = {}

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what this rank will show; rank 0 shows every world_size-th image."""
        if not trainer.is_global_zero or batch.number >= self.per_set:
            return
        benchmark = trainer.datamodule.benchmarks[dataloader_idx]  # type: ignore[attr-defined]
        key = f"{benchmark.name}/{benchmark.image_names[batch.number]}"
        self.shown[key] = batch.lr[0].cpu(), outputs[0].cpu(), batch.hr[0].cpu()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scores = next(iter(pl_module.scores.values()))  # type: ignore[operator]
        pictures = {key: self._picture(key, scores) for key in self.shown}
        for key, picture in pictures.items():
            picture.save(self.folder / f"{key.replace('/', '-')}.png")
        if trainer.state.fn == "fit":
            _log(trainer, dict(list(pictures.items())[:4]))

    def _picture(self, key: str, scores: dict[str, dict[str, dict[str, float]]]) -> Image.Image:
        set_name, _, image = key.partition("/")
        psnr = scores[set_name][image]["psnr"]
        captions = ("bicubic", f"{self.name}  {psnr:.2f} dB", f"HR  {image}")
        return comparison(*self.shown[key], captions=captions, side=self.side)


class SaveImages(Callback):
    """Writes every super-resolved image as `folder/SET/NAME_x4_SR.png`; each rank its own.

    Args:
        folder: gets one folder per set.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        benchmark = trainer.datamodule.benchmarks[dataloader_idx]  # type: ignore[attr-defined]
        name = f"{benchmark.image_names[batch.number]}_x{pl_module.scale}_SR.png"
        path = self.folder / benchmark.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            Image.fromarray(outputs[0].permute(1, 2, 0).cpu().numpy()).save(temporary, format="PNG")


def _log(trainer: Trainer, pictures: dict[str, Image.Image]) -> None:
    for logger in trainer.loggers:
        if hasattr(logger, "log_image"):
            for key, picture in pictures.items():  # W&B shows pictures of one key at one size
                logger.log_image(f"pictures/{key}", [picture], step=trainer.global_step)
