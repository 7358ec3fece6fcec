"""The recipe of a training: the loss that the settings describe."""

import copy
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.optim import Optimizer, SparseAdam
from torch.optim.lr_scheduler import LRScheduler

from aldsr.analysis.budgets import RECIPE, recipe_parts
from aldsr.core.errors import OptionError, UserError
from aldsr.core.frozen import FrozenDict, thaw
from aldsr.core.settings import RunSettings
from aldsr.data.sampling import patch_sizes
from aldsr.run.targets import check_options
from aldsr.training.step import Loss

Made = TypeVar("Made")


def build_loss(description: FrozenDict) -> Loss:
    """The described function of SR and HR, or what a class or another function makes, such as a module.

    Raises OptionError for options that it does not take, and for weights that no optimizer would train.
    """
    target = check_options("loss", description)
    unset = [each for each in inspect.signature(target).parameters.values() if each.name not in description]
    partial = not isinstance(target, type) and sum(each.default is each.empty for each in unset) == 2
    with torch.random.fork_rng(devices=[]):  # what a loss draws shall not change the network's training
        loss: Loss = instantiate(thaw(description) | {"_partial_": partial})
    if isinstance(loss, nn.Module) and any(each.requires_grad for each in loss.parameters()):
        raise OptionError(
            f"loss: {description['_target_']} has weights that ask for gradients, and only the network's are trained; "
            "let it call requires_grad_(False)"
        )
    return loss


def build_optimizer(description: FrozenDict, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """The described optimizer. Raises OptionError if there is none, or it needs more than the gradient of one batch."""
    optimizer = _make("optimizer", description, Optimizer, parameters)
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if isinstance(optimizer, SparseAdam) or (closure and closure.default is closure.empty):
        needs = "sparse gradients" if isinstance(optimizer, SparseAdam) else "the loss several times a step (a closure)"
        raise OptionError(f"optimizer._target_={description['_target_']}: needs {needs}; choose one such as AdamW")
    return optimizer


def build_schedule(description: FrozenDict, optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """The described schedule; a class of torch's gets the number of steps if it takes it. Raises OptionError."""
    target = check_options("schedule", description)
    if isinstance(target, type):
        takes_steps = "total_steps" in inspect.signature(target).parameters
        description = FrozenDict({"total_steps": total_steps, **description}) if takes_steps else description
        return _make("schedule", description, LRScheduler, optimizer)
    return _make("schedule", description, LRScheduler, optimizer, total_steps)


def _make(section: str, description: Mapping[str, Any], kind: type[Made], *arguments: Any) -> Made:
    check_options(section, description)
    try:
        made = instantiate(thaw(description) | {"_partial_": True}, _convert_="all")(*arguments)
    except UserError:
        raise
    except Exception as error:  # what a user's class does may fail in any way
        raise OptionError(f"{section}: {description['_target_']}: {error}; see {section}=… in --help") from error
    if not isinstance(made, kind):
        raise OptionError(f"{section}._target_={description['_target_']}: makes no {kind.__module__}.{kind.__name__}")
    return made


def check_loss(loss: Loss, name: str, sides: Iterable[int], device: str) -> None:
    """Try a loss on HR patches of these sides. Raises OptionError if it fails, or is no number, or not finite."""
    trial = copy.deepcopy(loss)
    if isinstance(trial, nn.Module):
        trial.to(device)
    for side in sides:
        sr, hr = torch.rand(2, 2, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
        value: Any = None
        try:
            with torch.random.fork_rng(devices=[]):
                value = trial(sr.requires_grad_(), hr)
            if isinstance(value, Tensor) and value.shape == ():
                (gradient,) = torch.autograd.grad(value, sr)
        except Exception as error:  # what a user's loss does may fail in any way
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise OptionError(f"loss: {name} fails on two patches of {side}x{side} HR pixels: {reason}") from error
        if not isinstance(value, Tensor) or value.shape != ():
            found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise OptionError(f"loss: {name} makes {found} of a batch; expected a tensor of one number, such as a mean")
        if not (value.isfinite() and gradient.isfinite().all()):
            raise OptionError(f"loss: {name} is {value.item()} on a trial batch of noise, or has no finite gradient")


def patch_steps(settings: RunSettings) -> dict[int, int]:
    """How many steps have patches of each side, the largest first. Raises OptionError for a side of none."""
    sizes, total = patch_sizes(settings.data.patch_size), settings.total_steps
    if sizes[-1][0] >= total:
        given = f"data.patch_size={thaw(settings.data.patch_size)}"
        raise OptionError(f"{given}: step {sizes[-1][0]} is not in the run, whose last is {total - 1}")
    steps = dict.fromkeys(sorted({side for _, side in sizes}, reverse=True), 0)
    for (first, side), (end, _) in zip(sizes, [*sizes[1:], (total, 0)], strict=True):
        steps[side] += end - first
    return steps


def describe_recipe(settings: RunSettings) -> str:
    """The parts by their targets' names, with their options: "l1_loss; Adam, lr 0.001, betas [0.9, 0.999]; cosine"."""
    found = recipe_parts(settings.to_config())
    parts = [found[section] for section in RECIPE]
    if epochs := settings.schedule.get("epochs"):
        late = [each for each in epochs if each * settings.schedule["steps_per_epoch"] >= settings.total_steps]
        parts += [f"epochs {late} come after the last step"] if late else []
    return "; ".join(parts)
