"""The LightningModule and its callbacks."""

from aldsr.training.autotune import LAYOUTS, StepTiming, autotune
from aldsr.training.checkpoints import AtomicCheckpointIO, CheckpointAfterLog, CheckpointError, CheckpointOnSignal
from aldsr.training.csvlog import CsvLog
from aldsr.training.devices import DeviceError, Devices, resolve_devices, supported_precisions, visible_gpus
from aldsr.training.images import ComparisonImages, SaveImages
from aldsr.training.measuring import TRAINER_OPTIONS, StoredPredictions, ValidationModule, score
from aldsr.training.module import NonFiniteError, SuperResolution
from aldsr.training.progress import LongRunNotice, ProgressFile, TrainingProgress
from aldsr.training.schedules import cosine, halved
from aldsr.training.wandb import finish_wandb, report_results, wandb_log
