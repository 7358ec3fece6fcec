"""The LightningModule and its callbacks."""

from aldsr.training.csvlog import CsvLog
from aldsr.training.devices import DeviceError, Devices, settle
from aldsr.training.measuring import Measuring, Predictions
from aldsr.training.module import NonFiniteError, SuperResolution
from aldsr.training.pictures import ComparisonPictures, SaveImages
from aldsr.training.progress import LongRunNotice, TrainingProgress
from aldsr.training.schedules import cosine, halved
from aldsr.training.scoring import TRAINER_OPTIONS, score
from aldsr.training.wandblog import finish_wandb, wandb_log

__all__ = [
    "TRAINER_OPTIONS",
    "ComparisonPictures",
    "CsvLog",
    "DeviceError",
    "Devices",
    "LongRunNotice",
    "Measuring",
    "NonFiniteError",
    "Predictions",
    "SaveImages",
    "SuperResolution",
    "TrainingProgress",
    "cosine",
    "finish_wandb",
    "halved",
    "score",
    "settle",
    "wandb_log",
]
