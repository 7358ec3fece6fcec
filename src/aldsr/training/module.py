"""The LightningModule that trains a network and validates it by the exact protocol."""

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from aldsr.core.device import runs_ahead
from aldsr.core.errors import UserError
from aldsr.imaging import Protocol, quantise, unit_float
from aldsr.training.graph import GraphedStep
from aldsr.training.measuring import ValidationModule
from aldsr.training.step import LAYOUTS, Loss, Sharing, TrainingStep


class NonFiniteError(UserError, ArithmeticError):
    """The loss or the weights became NaN or infinite."""


class SuperResolution(ValidationModule):
    """Trains and validates a super-resolution network.

    Args:
        network: `Tensor[B, 3, H, W]` in [0, 1] → `Tensor[B, 3, sH, sW]`, with an attribute `scale`.
        description: the network as plain data (see `aldsr.nn.description`), stored in every checkpoint.
        degradation: how missing LR is made (see `Degradation.from_options`), stored as well.
        optimizer: of the network's parameters; None for validation only.
        scheduler: of the optimizer's rate, updated at every step.
        loss: of SR and HR, both float (see `losses`). L1 is the loss of RDN; the ALDNet paper does not state its own.
        protocols: how validation scores the network (see `ValidationModule`).
        layout: memory format of the network and its input, "channels-last" or "contiguous".
        sharing: computes what several layers share, in training (see `TrainingStep`).
        graph: whether training steps are computed by CUDA graphs (see `GraphedStep`).
        extended_at: steps at which the run was extended; checkpoints up to there hold the shorter run's schedule.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        description: Mapping[str, Any] | None = None,
        degradation: Mapping[str, Any] | None = None,
        optimizer: Optimizer | None = None,
        scheduler: LRScheduler | None = None,
        loss: Loss = F.l1_loss,
        protocols: Mapping[str, Protocol] | None = None,
        layout: str = "channels-last",
        sharing: Sharing | None = None,
        graph: bool = False,
        extended_at: int = 0,
    ) -> None:
        super().__init__(scale=network.scale, protocols=protocols)  # type: ignore[arg-type]
        self.layout = LAYOUTS[layout]
        self.network = network.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.losses: list[Tensor] = []  # of the micro-batches of the current step
        self.unread: list[tuple[int, Tensor]] = []  # losses that may still be on their way, and their steps
        self.described = {"network": dict(description or {}), "degradation": dict(degradation or {})}
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.loss = loss
        self.sharing = sharing
        self.graph = GraphedStep() if graph else None
        self.shared: AbstractContextManager[Any] = nullcontext()  # by the forward pass with the backward pass
        self.extended_at = extended_at

    def forward(self, lr: Tensor) -> Tensor:
        return self.network(lr.contiguous(memory_format=self.layout))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        step = TrainingStep(self.network, loss=self.loss, layout=self.layout, sharing=self.sharing)
        parts = self.trainer.accumulate_grad_batches
        loss: Tensor = self.graph(step, *batch, copies=parts > 1) if self.graph else step(*batch)
        self.shared = step.shared
        self.losses.append(loss.detach())
        self.unread.append((self.global_step, loss.detach()))
        complete = (batch_idx + 1) % parts == 0
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if not runs_ahead(loss.device) or (complete and every and (self.global_step + 1) % every == 0):
            self.check_losses()
        if complete:
            mean, several = torch.stack(self.losses).mean(), self.trainer.world_size > 1
            self.losses.clear()
            if several and mean.is_cuda:  # Lightning's way would make every step wait for all ranks
                torch.distributed.all_reduce(mean, torch.distributed.ReduceOp.AVG)
            # Not for Lightning's progress bar, for which it would read the loss at every step.
            self.log("loss", mean, sync_dist=several and not mean.is_cuda)
        return loss

    def backward(self, loss: Tensor, *args: Any, **options: Any) -> None:
        with self.shared:
            super().backward(loss, *args, **options)
        self.shared = nullcontext()

    def check_losses(self) -> None:
        """Read the losses since the last reading, for which a GPU has to finish. Raises NonFiniteError."""
        losses = torch.stack([loss for _, loss in self.unread]).tolist() if self.unread else []
        for (step, _), loss in zip(self.unread, losses, strict=True):
            if not math.isfinite(loss):
                raise NonFiniteError(self._advise(f"the loss is {loss}", step))
        self.unread.clear()

    def configure_optimizers(self) -> Any:
        return {"optimizer": self.optimizer, "lr_scheduler": {"scheduler": self.scheduler, "interval": "step"}}

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip as Lightning does, which under autocast refuses fused optimizers even where no gradient is scaled."""
        if gradient_clip_val and optimizer.defaults.get("fused"):
            clip = clip_grad_value_ if gradient_clip_algorithm == "value" else clip_grad_norm_
            clip([each for group in optimizer.param_groups for each in group["params"]], gradient_clip_val)
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def super_resolve(self, batch: Any, dataloader_idx: int) -> Tensor:
        """Super-resolve in float32, whatever the precision of training."""
        with torch.autocast(self.device.type, enabled=False):
            return quantise(self(unit_float(batch.lr)))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the network is, and its LR; refuse to write weights that are not finite (`NonFiniteError`)."""
        self.check_losses()
        names, weights = zip(*self.network.named_parameters(), strict=True)
        finite = torch.stack([each.isfinite().all() for each in weights]).tolist()  # all are read at once
        if not all(finite):
            problem = f"weights of '{names[finite.index(False)]}' are NaN or infinite"
            raise NonFiniteError(self._advise(problem, self.global_step))
        checkpoint |= self.described

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put a run that is extended onto the learning rates of its new length, and back into its last epoch."""
        step = checkpoint["global_step"]
        if not 0 < step <= self.extended_at or self.optimizer is None or self.scheduler is None:
            return
        steps_per_epoch: int = self.trainer.datamodule.steps_per_epoch  # type: ignore[attr-defined]
        resume_last_step(checkpoint["loops"]["fit_loop"], epoch=(step - 1) // steps_per_epoch)
        for _ in range(step):
            self.optimizer.step()  # without gradients, thus nothing; a scheduler demands it
            self.scheduler.step()
        checkpoint["lr_schedulers"] = [self.scheduler.state_dict()]
        groups = checkpoint["optimizer_states"][0]["param_groups"]
        for restored, scheduled in zip(groups, self.optimizer.param_groups, strict=True):
            restored |= {key: value for key, value in scheduled.items() if key != "params"}

    def _advise(self, problem: str, step: int) -> str:
        return (
            f"{problem} at step {step}, so training stopped; the last good checkpoint is kept. Try a lower "
            "optimizer.lr, trainer.gradient_clip_val=0.5 or trainer.precision=32-true"
        )


def resume_last_step(progress: dict[str, Any], *, epoch: int) -> None:
    """Make Lightning's record of a training that has ended one of a training that has just made a step of this epoch.

    At its end Lightning counts the last epoch as whole, also where it was cut off, and would begin another one with the
    steps that are left of it.
    """
    for counts in progress["epoch_progress"].values():
        counts |= {"ready": epoch + 1, "started": epoch + 1, "processed": epoch, "completed": epoch}
    batches = progress["epoch_loop.batch_progress"]
    if batches["total"]["completed"] == batches["total"]["ready"]:
        for counts in (batches["total"], batches["current"]):
            counts["completed"] -= 1
        progress["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1
