"""The LightningModule and its callbacks."""

from aldsr.training.checkpoints import CheckpointError, LogFirst, StopOnSignal, WholeCheckpoints
from aldsr.training.csvlog import CsvLog
from aldsr.training.devices import DeviceError, Devices, precisions, settle, visible_gpus
from aldsr.training.measuring import Measuring, Predictions
from aldsr.training.module import NonFiniteError, SuperResolution
from aldsr.training.pictures import ComparisonPictures, SaveImages
from aldsr.training.progress import LongRunNotice, ProgressFile, TrainingProgress
from aldsr.training.schedules import cosine, halved
from aldsr.training.scoring import TRAINER_OPTIONS, score
from aldsr.training.tuning import LAYOUTS, Pace, tune
from aldsr.training.wandb.logger import finish_wandb, wandb_log
from aldsr.training.wandb.results import report_results

__all__ = [
    "LAYOUTS",
    "TRAINER_OPTIONS",
    "CheckpointError",
    "ComparisonPictures",
    "CsvLog",
    "DeviceError",
    "Devices",
    "LogFirst",
    "LongRunNotice",
    "Measuring",
    "NonFiniteError",
    "Pace",
    "Predictions",
    "ProgressFile",
    "SaveImages",
    "StopOnSignal",
    "SuperResolution",
    "TrainingProgress",
    "WholeCheckpoints",
    "cosine",
    "finish_wandb",
    "halved",
    "precisions",
    "report_results",
    "score",
    "settle",
    "tune",
    "visible_gpus",
    "wandb_log",
]
