"""The LightningDataModule: image folders → batches, independent of the number of ranks and workers."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import active_children
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import torch
from lightning import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch.utils.data import DataLoader

from aldsr.core.errors import list_names
from aldsr.core.processes import end_with_parent
from aldsr.core.signals import spare_children
from aldsr.data.augment import augment
from aldsr.data.cache import CHOICES, CachedPair, cache_dir, cache_pairs, writing_cache
from aldsr.data.folders import describe_others
from aldsr.data.images import DataError
from aldsr.data.layouts import find_folders
from aldsr.data.lists import Place, find_places, naming_options, say_missing
from aldsr.data.pairs import Pair, pair_files, set_name
from aldsr.data.patches import BenchmarkSet, ImagePair, PatchBatch, Patches, fingerprint
from aldsr.data.photographs import write_photographs
from aldsr.data.sampling import StepBatches, patch_sizes
from aldsr.data.synthetic import VERSION, write_images
from aldsr.imaging import Degradation, unit_float


class UndisturbedLoader(DataLoader[PatchBatch]):
    """A loader whose workers end when this process says so or ends, not by a signal to the group of processes."""

    def __iter__(self) -> Any:
        with spare_children():
            return super().__iter__()


def _end_workers() -> None:
    """End workers that Lightning has left, as when it is stopped in a validation, before Python waits for them."""
    for process in active_children():
        if process.daemon:
            process.kill()


def _start_worker(parent: int, number: int) -> None:
    end_with_parent(parent, signal.SIGKILL)


@dataclass(kw_only=True, eq=False, repr=False)
class SuperResolutionData(LightningDataModule):
    """Patches for training and whole images for measuring.

    Training batches reach the module as (lr, hr), float in [0, 1]; they travel to the device as uint8
    and are flipped and turned there. Validation batches are `ImagePair`s, uint8.

    Args:
        scale: HR pixels per LR pixel.
        train_dirs: folders to train on, as in `aldsr.data.pairs`; None: procedural images; empty: no training.
        eval_dirs: folders to measure on, each one set; None: scikit-image's photographs.
        train_lr_dirs, eval_lr_dirs: the LR folder of each; None: what is found beside HR, else made; "made": made.
        train_list: a text file of images to train on, a path per line, from the first of `train_dirs` or absolute.
        degradation: how missing LR is made, as in `aldsr.imaging.Degradation.from_options`; None: by bicubic.
        patch_size: side of an LR patch, in pixels, or sides by the steps from which they hold: {0: 24, 1000: 48}.
        batch_size: patches in an optimizer step, over all ranks and micro-batches.
        steps_per_epoch: optimizer steps in an epoch.
        seed: determines the patches.
        pictures: number of procedural images, 384×384 each.
        cache: how training images are kept, of `aldsr.data.cache.CHOICES`; "auto": as arrays or tiles, by their size.
        num_workers: loader processes; None: 4 beside a GPU, none on a CPU, where a process costs a core.

    Raises DataError when data is prepared; see `aldsr.data.cache` and `aldsr.data.pairs`.
    """

    # A set with fewer images than ranks leaves a rank without any, which is fine here.
    allow_zero_length_dataloader_with_multiple_devices = True

    scale: int
    train_dirs: Sequence[str | Path] | None = None
    eval_dirs: Sequence[str | Path] | None = None
    train_lr_dirs: Sequence[str | Path | None] | None = None
    eval_lr_dirs: Sequence[str | Path | None] | None = None
    train_list: str | None = None
    degradation: Mapping[str, Any] | None = None
    patch_size: int | Mapping[Any, int] = 48
    batch_size: int = 16
    steps_per_epoch: int = 1000
    seed: int = 0
    pictures: int = 64
    cache: str = "auto"
    num_workers: int | None = None
    train_pairs: list[CachedPair] = field(init=False, default_factory=list)
    left_out: list[str] = field(init=False, default_factory=list)  # names of training images smaller than a patch
    loaded: bool = field(init=False, default=False)
    benchmarks: list[BenchmarkSet] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.made = Degradation.from_options(self.degradation)

    def prepare_data(self) -> None:
        """Make and decode all images, once per machine."""
        self.setup("fit")

    def setup(self, stage: str) -> None:
        """Cache and map all images, unless they are mapped already; warn of the images that are left out."""
        if self.loaded:
            return
        embedded = cache_dir() / "embedded"
        train_dirs, eval_dirs = self.train_dirs, self.eval_dirs
        with writing_cache(embedded):
            if eval_dirs is None:
                eval_dirs = [write_photographs(embedded / "photographs")]
            if self.train_list and not train_dirs:
                listed = f"data.train_list={self.train_list}"
                raise DataError(f"{listed}: name the folder of its images with data.train_dirs")
            if train_dirs is None:
                train_dirs = [write_images(embedded / f"pictures-v{VERSION}-{self.pictures}", number=self.pictures)]
        self.benchmarks = [
            BenchmarkSet.load(set_name(folder), pairs, scale=self.scale, degradation=self.made)
            for folder, pairs in zip(eval_dirs, self._find(eval_dirs, self.eval_lr_dirs, "eval"), strict=True)
        ]
        names = [benchmark.name for benchmark in self.benchmarks]
        for name in names:
            if names.count(name) > 1:
                raise DataError(f"data.eval_dirs: two sets are called '{name}'; results go by name, so rename a folder")
        files = self._find(train_dirs, self.train_lr_dirs, "train")
        if self.cache not in CHOICES:
            raise DataError(f"data.cache={self.cache}: expected {', '.join(CHOICES)}")
        how: dict[str, Any] = {"scale": self.scale, "degradation": self.made, "kinds": CHOICES[self.cache]}
        pairs = cache_pairs([pair for each in files for pair in each], **how)
        largest = max(side for _, side in patch_sizes(self.patch_size))
        self.train_pairs = [pair for pair in pairs if min(pair.lr.shape[-2:]) >= largest]
        self.left_out = [pair.name for pair in pairs if min(pair.lr.shape[-2:]) < largest]
        side = largest * self.scale
        if pairs and not self.train_pairs:
            raise DataError(
                f"data.train_dirs: none of {len(pairs)} images is as large as a patch, {side}x{side} HR pixels; "
                f"use larger images or a smaller data.patch_size (now {self.patch_size})"
            )
        if self.left_out:
            rank_zero_warn(
                f"{len(self.left_out)} of {len(pairs)} training images are smaller than a patch ({side}x{side} HR "
                f"pixels) and left out: {list_names(self.left_out)}"
            )
        self._warn_of_measured()
        self.loaded = True

    def _warn_of_measured(self) -> None:
        """Say which training images are measured on as well, by the digests that the cache keeps."""
        measured = {fingerprint([pair.hr]) for benchmark in self.benchmarks for pair in benchmark.pairs}
        if shared := [pair.name for pair in self.train_pairs if fingerprint([pair.hr]) in measured]:
            rank_zero_warn(
                f"{len(shared)} of {len(self.train_pairs)} training images are measured on as well, so results are not "
                f"of new images: {list_names(shared)}; remove them from data.train_dirs or data.eval_dirs"
            )

    def _find(self, folders: Sequence[Any], lr_dirs: Sequence[Any] | None, use: str) -> list[list[Pair]]:
        """The files of every folder; warn of LR that is not used, and of files in no format of images."""
        with naming_options(use, folders, lr_dirs or ()):
            return self._find_files(folders, lr_dirs or [None] * len(folders), use)

    def _find_files(self, folders: Sequence[Any], lr_dirs: Sequence[Any], use: str) -> list[list[Pair]]:
        """`_find`, with LR's folder of each, which may be None."""
        if len(lr_dirs) != len(folders):
            raise DataError(
                f"data.{use}_lr_dirs: names {len(lr_dirs)} folders for the {len(folders)} of data.{use}_dirs; expected "
                "one for each, or null where LR is looked for beside HR"
            )
        pairs, seen = [], set()
        listed = self.train_list if use == "train" else None
        places = [Place(Path(each), lr) for each, lr in zip(folders, lr_dirs, strict=True)]
        for folder, lr, lines in find_places(folders, lr_dirs, listed) if use == "train" else places:
            found = find_folders(folder, self.scale, lr, self.made.text)
            files = pair_files(found, scale=self.scale)
            if lines is not None:
                there = {pair.hr.name for pair in files}
                say_missing(listed, folder, {name: line for name, line in lines.items() if name not in there})
                files = [pair for pair in files if pair.hr.name in lines]
            pairs.append(files)
            # With other LR the same HR is other training data; twice the same in data.eval_dirs is refused by its name.
            place = (found.hr.resolve(), found.lr and found.lr.resolve())
            if use == "train" and place in seen:
                raise DataError(f"data.train_dirs: names {found.hr} twice; name it once, or its images count double")
            seen.add(place)
            for sentence in filter(None, (*found.say_unused(), describe_others(found.hr))):
                rank_zero_warn(sentence)
        return pairs

    def train_dataloader(self) -> DataLoader[PatchBatch]:
        assert self.trainer is not None
        if not self.train_pairs:
            raise DataError("data.train_dirs: is empty; name at least one folder of images to train on")
        trainer = self.trainer
        on_gpu = trainer.strategy.root_device.type == "cuda"
        workers = self.num_workers
        if workers is None:
            workers = min(4, os.cpu_count() or 1) if on_gpu else 0
        batches = StepBatches(
            first_step=lambda: trainer.global_step,
            steps_per_epoch=self.steps_per_epoch,
            batch_size=self.batch_size,
            rank=trainer.global_rank,
            ranks=trainer.world_size,
            micro_batches=trainer.accumulate_grad_batches,
        )
        how: dict[str, Any] = {"scale": self.scale, "seed": self.seed, "degradation": self.made}
        patches = Patches(self.train_pairs, patch_size=self.patch_size, batch_size=self.batch_size, **how)
        Finalize(None, _end_workers, exitpriority=0)
        return UndisturbedLoader(
            patches,
            batch_size=None,  # `Patches` returns whole batches
            sampler=batches,
            num_workers=workers,
            pin_memory=on_gpu,
            persistent_workers=workers > 0,
            worker_init_fn=partial(_start_worker, os.getpid()),
            # Ranks are spawned, and so would be their workers, which the mapped images cannot be sent to.
            multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
        )

    def val_dataloader(self) -> list[DataLoader[ImagePair]]:
        """One loader per set; each rank takes every world_size-th image and none twice."""
        assert self.trainer is not None
        rank, ranks = self.trainer.global_rank, self.trainer.world_size
        return [
            DataLoader(benchmark, batch_size=None, sampler=range(rank, len(benchmark), ranks))
            for benchmark in self.benchmarks
        ]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move the images as uint8, and the bits that flip them; nothing waits for them to arrive."""
        moved = [name for name in ("lr", "hr", "flips") if hasattr(batch, name)]
        return batch._replace(**{name: getattr(batch, name).to(device, non_blocking=True) for name in moved})

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Flip, turn and scale training patches on their device."""
        if isinstance(batch, PatchBatch):
            return unit_float(augment(batch.lr, batch.flips)), unit_float(augment(batch.hr, batch.flips))
        return batch
