"""The LightningModule and its callbacks."""

from aldsr.training.autotune import StepTiming, autotune
from aldsr.training.checkpoints import AtomicCheckpointIO, CheckpointError, CheckpointOnSignal
from aldsr.training.csvlog import CsvLog
from aldsr.training.devices import DeviceError, resolve_devices, supported_precisions, visible_gpus
from aldsr.training.images import ValidationImages, sr_file
from aldsr.training.losses import LOSSES, charbonnier, l1_fft
from aldsr.training.measuring import ValidationModule, score
from aldsr.training.module import NonFiniteError, SuperResolution
from aldsr.training.options import TRAINER_OPTIONS, find_environment
from aldsr.training.progress import ProgressFile, TrainingProgress
from aldsr.training.schedules import constant, cosine, halved, multistep
from aldsr.training.step import LAYOUTS, TrainingStep
from aldsr.training.tensorboard import TensorBoardLog
from aldsr.training.wandb import finish_wandb, report_results, wandb_log
