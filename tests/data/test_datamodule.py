"""The LightningDataModule: the same batches for any number of workers, ranks and micro-batches."""

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning import Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from aldsr.data.augment import augment
from aldsr.data.datamodule import SuperResolutionData
from aldsr.data.images import DataError
from aldsr.data.patches import ImagePair, PatchBatch
from aldsr.imaging import imresize

MakeImage = Callable[..., Path]

# Fewer cores than workers, or (from Python 3.12 on) a fork beside threads: both harmless here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.fixture
def train(tmp_path: Path, make_image: MakeImage) -> str:
    """A folder of three training images."""
    for seed in range(3):
        make_image(tmp_path / "train" / f"{seed}.png", seed=seed)
    return str(tmp_path / "train")


@pytest.fixture
def evaluation(tmp_path: Path, make_image: MakeImage) -> str:
    """A set of three images of different sizes."""
    for seed in range(3):
        make_image(tmp_path / "Set3" / "HR" / f"{seed}.png", width=32 + 4 * seed, height=24, seed=10 + seed)
    return str(tmp_path / "Set3")


def prepared(
    *, rank: int = 0, ranks: int = 1, micro_batches: int = 1, step: int = 0, **options: Any
) -> SuperResolutionData:
    """The module as a trainer of that shape would hold it after `setup`."""
    defaults = {"scale": 4, "patch_size": 6, "batch_size": 16, "steps_per_epoch": 5, "eval_dirs": []}
    data = SuperResolutionData(**{**defaults, **options})
    data.trainer = SimpleNamespace(  # type: ignore[assignment]
        global_step=step,
        global_rank=rank,
        world_size=ranks,
        accumulate_grad_batches=micro_batches,
        strategy=SimpleNamespace(root_device=torch.device("cpu")),
    )
    data.setup("fit")
    return data


def train_batches(**options: Any) -> list[PatchBatch]:
    return list(prepared(**options).train_dataloader())


# Training


@pytest.mark.parametrize(("ranks", "micro_batches", "workers"), [(1, 1, 2), (2, 1, 0), (2, 4, 0)])
def test_ranks_micro_batches_and_workers_do_not_change_the_batches(
    train: str, ranks: int, micro_batches: int, workers: int
) -> None:
    options: dict[str, Any] = {"ranks": ranks, "micro_batches": micro_batches, "num_workers": workers}
    parts = [train_batches(train_dirs=[train], rank=rank, **options) for rank in range(ranks)]
    joined = []
    for first in range(0, len(parts[0]), micro_batches):
        shares = [batch for part in parts for batch in part[first : first + micro_batches]]
        joined.append(PatchBatch(*map(torch.cat, zip(*shares, strict=True))))
    assert_close(joined, train_batches(train_dirs=[train]), rtol=0, atol=0)


def test_a_resumed_epoch_continues_where_it_was(train: str) -> None:
    whole = train_batches(train_dirs=[train])
    assert_close(train_batches(train_dirs=[train], step=3), whole[3:], rtol=0, atol=0)
    for options in ({"step": 5}, {"seed": 1}):
        assert not torch.equal(train_batches(train_dirs=[train], **options)[0].lr, whole[0].lr)


RANDOM = {"steps": ["blur", "bicubic", "noise"], "blur": {"sigma": [0.2, 2]}, "noise": {"sigma": 10}}


def test_lr_is_drawn_for_every_patch_whatever_the_workers_and_where_it_is_resumed(train: str) -> None:
    options: dict[str, Any] = {"train_dirs": [train], "degradation": RANDOM}
    whole = train_batches(**options)
    assert_close(train_batches(**options, num_workers=2), whole, rtol=0, atol=0)
    assert_close(train_batches(**options, step=3), whole[3:], rtol=0, atol=0)
    for one, other in zip(whole, train_batches(train_dirs=[train]), strict=True):
        assert torch.equal(one.hr, other.hr)
        assert not torch.equal(one.lr, other.lr)


def test_lr_on_disk_is_used_only_if_it_is_made_as_the_degradation_says(evaluation: str) -> None:
    lr = Path(evaluation) / "LR_bicubic" / "X4"
    lr.mkdir(parents=True)
    for file in (Path(evaluation) / "HR").iterdir():
        with Image.open(file) as image:
            image.resize((image.width // 4, image.height // 4)).save(lr / f"{file.stem}x4.png")
    options: dict[str, Any] = {"eval_dirs": [evaluation], "train_dirs": [], "degradation": {"steps": ["bd"]}}
    (given,) = prepared(eval_dirs=[evaluation], train_dirs=[]).benchmarks
    assert (given.identity["lr"], given.identity["lr_track"]) == ("given", "bicubic")
    with pytest.warns(UserWarning, match=str(lr)):
        (made,) = prepared(**options).benchmarks
    assert (made.identity["lr"], made.identity["lr_track"]) == ("made", "bd")
    with pytest.raises(DataError, match=r"LR_bicubic.* bd"):
        prepared(**options, eval_lr_dirs=[str(lr.parent)])
    lr.parent.rename(lr.parent.with_name("LRBD"))
    (found,) = prepared(**options).benchmarks
    assert (found.identity["lr"], found.identity["lr_track"]) == ("given", "bd")


def test_images_travel_to_the_device_as_bytes_with_their_bits(train: str, evaluation: str) -> None:
    data = prepared(train_dirs=[train], eval_dirs=[evaluation])
    batch, item = next(iter(data.train_dataloader())), next(iter(data.val_dataloader()[0]))
    sent = [data.transfer_batch_to_device(each, torch.device("meta"), 0) for each in (batch, item)]
    assert {(image.device.type, image.dtype) for each in sent for image in each[:2]} == {("meta", torch.uint8)}
    assert sent[0].flips.is_meta  # a device would have to be waited for if it were asked for them
    assert sent[1].number == item.number


def test_files_that_are_left_out_of_a_folder_are_counted_and_named(train: str, evaluation: str) -> None:
    for file in (Path(train) / "a.HEIC", Path(train) / "b.avif.txt", Path(evaluation) / "HR" / "c.heif"):
        file.touch()
    with (
        pytest.warns(UserWarning, match=r"/Set3/HR: 1 .*'c\.heif'"),
        pytest.warns(UserWarning, match=r"/train: 2 .*'a\.HEIC', 'b\.avif\.txt'"),
    ):
        prepared(train_dirs=[train], eval_dirs=[evaluation])


def test_images_smaller_than_a_patch_are_left_out_with_one_warning(make_image: MakeImage, train: str) -> None:
    for name, width, height in (("low", 64, 23), ("narrow", 23, 64), ("exact", 24, 24)):
        make_image(Path(train) / f"{name}.png", width=width, height=height)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = SuperResolutionData(scale=4, patch_size=6, train_dirs=[train], eval_dirs=[])
        data.prepare_data()
        data.setup("fit")
    assert [pair.name for pair in data.train_pairs] == ["0", "1", "2", "exact"]
    assert [warning.category for warning in caught] == [UserWarning]
    assert str(caught[0].message).endswith(": 'low', 'narrow'")
    assert data.left_out == ["low", "narrow"]


def test_what_cannot_be_used_is_named(train: str, evaluation: str, tmp_path: Path, make_image: MakeImage) -> None:
    with pytest.raises(DataError, match=r"data\.train_dirs: .*52x52"):
        prepared(train_dirs=[train], patch_size=13)
    with pytest.raises(DataError, match=r"data\.train_dirs: "):
        prepared(train_dirs=[], eval_dirs=[evaluation]).train_dataloader()
    twin = make_image(tmp_path / "other" / "Set3" / "HR" / "a.png").parent
    with pytest.raises(DataError, match=r"data\.eval_dirs: .*Set3"):
        prepared(train_dirs=[], eval_dirs=[evaluation, str(twin)])


def test_training_images_that_are_measured_on_are_named_once(train: str, evaluation: str) -> None:
    with Image.open(f"{train}/1.png") as image:
        image.save(f"{evaluation}/HR/other.bmp")
    with pytest.warns(UserWarning, match=r"^1 of 3 .*'1';") as caught:
        prepared(train_dirs=[train], eval_dirs=[evaluation]).setup("validate")
    assert len(caught) == 1


def test_a_training_folder_counts_twice_only_with_other_lr(
    train: str, tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"data\.train_dirs: .*train twice"):
        prepared(train_dirs=[train, "train/../train"])
    for seed in range(3):
        make_image(tmp_path / "LR" / f"{seed}.png", width=16, height=12)
    assert len(prepared(train_dirs=[train, train], train_lr_dirs=["made", "LR"]).train_pairs) == 6


# Validation


def test_every_image_is_measured_on_one_rank_with_its_kind(evaluation: str) -> None:
    file = Path(evaluation) / "HR" / "1.png"
    Image.open(file).convert("L").save(file)
    items: list[tuple[int, bool]] = []
    for rank in range(2):
        (loader,) = prepared(train_dirs=[], eval_dirs=[evaluation], rank=rank, ranks=2).val_dataloader()
        items += [(item.number, item.gray) for item in loader]
    assert sorted(items) == [(0, False), (1, True), (2, False)]


def test_validation_gives_whole_images_set_by_set(train: str, evaluation: str) -> None:
    data = prepared(train_dirs=[], eval_dirs=[evaluation, train])
    assert [(each.name, each.lr_source) for each in data.benchmarks] == [("Set3", "made"), ("train", "made")]
    for loader, benchmark in zip(data.val_dataloader(), data.benchmarks, strict=True):
        for number, (item, pair) in enumerate(zip(loader, benchmark.pairs, strict=True)):
            assert isinstance(item, ImagePair)
            assert item.number == number
            assert torch.equal(item.hr, pair.hr[:, :, :][None])
            assert torch.equal(item.lr, imresize(item.hr, Fraction(1, 4)))


# Embedded images, and a real Trainer


def test_without_folders_the_embedded_images_are_used() -> None:
    data = prepared(train_dirs=None, eval_dirs=None, pictures=2, patch_size=48)
    assert [(pair.name, pair.hr.shape) for pair in data.train_pairs] == [
        ("0000", (3, 384, 384)),
        ("0001", (3, 384, 384)),
    ]
    (photographs,) = data.benchmarks
    assert (photographs.name, len(photographs)) == ("photographs", 8)
    assert "astronaut" in photographs.image_names


class Recorder(BoringModel):
    """Keeps the batches that it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.trained: list[tuple[Tensor, Tensor]] = []
        self.measured: list[ImagePair] = []

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        self.trained.append(batch)
        return self.layer.weight.mean() * batch[0].mean()

    def validation_step(self, batch: ImagePair, batch_idx: int) -> None:
        self.measured.append(batch)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*", "ignore:GPU available but not used.*")
def test_a_trainer_hands_over_what_is_promised(train: str, evaluation: str) -> None:
    options: dict[str, Any] = {"train_dirs": [train], "eval_dirs": [evaluation], "steps_per_epoch": 3}
    data = SuperResolutionData(scale=4, patch_size=6, batch_size=16, **options)
    module = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=2,
        accumulate_grad_batches=2,
        use_distributed_sampler=False,
        barebones=True,
    )
    trainer.fit(module, datamodule=data)
    assert trainer.global_step == 6
    expected = [part for step in (0, 3) for part in train_batches(step=step, micro_batches=2, **options)]
    for (lr, hr), batch in zip(module.trained, expected, strict=True):
        assert_close(lr, augment(batch.lr, batch.flips) / 255, rtol=0, atol=1e-7)
        assert_close(hr, augment(batch.hr, batch.flips) / 255, rtol=0, atol=1e-7)
    assert [item.number for item in module.measured] == [0, 1, 2] * 2
    assert {(item.lr.dtype, item.hr.dtype) for item in module.measured} == {(torch.uint8, torch.uint8)}
