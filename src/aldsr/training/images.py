"""Images that a validation writes: comparisons with bicubic and HR, and the super-resolved images themselves."""

from pathlib import Path
from typing import Any

import numpy as np
from lightning import Callback, LightningModule, Trainer
from PIL import Image, ImageDraw
from torch import Tensor

from aldsr.core.files import LONGEST, atomic_write, short_name
from aldsr.imaging import detailed_window, imresize

CAPTION_HEIGHT = 20  # pixels
CROP_SIDE = 320  # of comparisons, at most, in HR pixels
LOGGED_IMAGES = 4  # comparisons of each validation that go to W&B and TensorBoard


def draw_training_picture(
    lr: Tensor, sr: Tensor, hr: Tensor, *, captions: tuple[str, str, str], side: int
) -> Image.Image:
    """Draw the same crop of bicubic, SR and HR side by side, `side` HR pixels at most, where HR has most detail.

    Images are `Tensor[3, H, W]`, uint8.
    """
    bicubic = imresize(lr[None], hr.shape[-1] // lr.shape[-1])[0]
    rows, columns = detailed_window(hr, side)
    width = columns.stop - columns.start
    canvas = Image.new("RGB", (3 * width, CAPTION_HEIGHT + rows.stop - rows.start), "white")
    draw = ImageDraw.Draw(canvas)
    for index, (image, caption) in enumerate(zip((bicubic, sr, hr), captions, strict=True)):
        canvas.paste(_to_pil(image[:, rows, columns]), (index * width, CAPTION_HEIGHT))
        draw.text((index * width + 4, 3), caption, fill="black", font_size=13)
    return canvas


def sr_file(folder: str | Path, set_name: str, image: str, scale: Any) -> Path:
    """Where a super-resolved image goes."""
    return Path(folder).expanduser() / set_name / f"{short_name(image, LONGEST)}_x{scale}_SR.png"


def comparison_name(set_name: str, image: str) -> str:
    """The name of the file of a comparison."""
    return short_name(f"{set_name}-{image}", LONGEST) + ".png"


class ValidationImages(Callback):
    """Writes comparisons of the first images of every set, and logs some; on request every super-resolved image.

    Args:
        folder: gets the comparisons, `SET-IMAGE.png`, replaced at every validation.
        name: of the network, for the captions.
        per_set: number of images of each set that are compared.
        sr_folder: gets every image as `SET/NAME_x4_SR.png`; each rank writes its own. None: they are not written.
    """

    def __init__(self, *, folder: Path, name: str, per_set: int, sr_folder: str | Path | None = None) -> None:
        self.folder, self.name, self.per_set, self.sr_folder = folder, name, per_set, sr_folder
        self.images: dict[tuple[str, str], tuple[Tensor, Tensor, Tensor]] = {}  # (set, image) → LR, SR, HR

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the image; keep those of rank 0, which has every world_size-th, for the comparisons."""
        benchmark = trainer.datamodule.benchmarks[dataloader_idx]  # type: ignore[attr-defined]
        name = benchmark.image_names[batch.number]
        if trainer.is_global_zero and batch.number < self.per_set:
            self.images[benchmark.name, name] = batch.lr[0].cpu(), outputs[0].cpu(), batch.hr[0].cpu()
        if self.sr_folder:
            path = sr_file(self.sr_folder, benchmark.name, name, pl_module.scale)
            with atomic_write(path) as temporary:
                _to_pil(outputs[0]).save(temporary, format="PNG")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scores = next(iter(pl_module.scores.values()))  # type: ignore[operator]
        for number, ((set_name, image), tensors) in enumerate(self.images.items()):
            captions = ("bicubic", f"{self.name}  {scores[set_name][image]['psnr']:.2f} dB", f"HR  {image}")
            comparison = draw_training_picture(*tensors, captions=captions, side=CROP_SIDE)
            comparison.save(self.folder / comparison_name(set_name, image))
            if trainer.state.fn != "fit" or number >= LOGGED_IMAGES:
                continue
            for logger in trainer.loggers:
                if hasattr(logger, "log_image"):  # one key per image, since W&B shows all images of a key at one size
                    logger.log_image(f"pictures/{set_name}/{short_name(image)}", [comparison], step=trainer.global_step)
        self.images.clear()


def _to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy()))
