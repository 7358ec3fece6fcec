"""Going on with a run that is in its folder already: only if it is the same run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aldsr.core.errors import UserError

# What may differ between two runs of the same experiment: where it runs and lies, how it is watched, and what follows
# from these or was written down by the run itself.
FREE = {
    *("run_dir", "name", "study", "ckpt_path", "if_exists", "datasets", "logger", "pictures", "checkpoint_every"),
    *("quick", "measured", "paces", "parameters", "version", "budgets"),
    *("trainer.accelerator", "trainer.devices", "trainer.strategy", "trainer.num_nodes", "trainer.log_every_n_steps"),
    *("trainer.enable_progress_bar", "data.num_workers"),
}
MEASURED = ("layout", "trainer.precision", "trainer.accumulate_grad_batches")  # where "auto": what was begun with


class DifferentRunError(UserError):
    """The folder holds another run."""


def check_same(folder: Path, run: Mapping[str, Any]) -> None:
    """Hold a run against the one that its folder holds.

    Raises:
        DifferentRunError: naming the differences.
    """
    earlier: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    if found := list(differences(earlier, run)):
        told = "; ".join(f"{key} was {theirs}, is now {ours}" for key, theirs, ours in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise DifferentRunError(
            f"{folder}: holds a run of another configuration ({told}{more}); give this one another study.name or "
            "run_dir, or move the folder away"
        )


def differences(earlier: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Keys in which two configurations are different experiments, with both values.

    Device, launcher and paths are left out; of a path its last name counts, so that a data set may move.
    """
    theirs, ours = (dict(_flat(each)) for each in (earlier, run))
    free = run.get("measured", ())
    for key in sorted(theirs.keys() | ours.keys()):
        left, right = theirs.get(key), ours.get(key)
        if left != right and key not in free and not (key in MEASURED and right == "auto"):
            yield key, left, right


def _flat(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if key in FREE:
        return
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _flat(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        yield key, [_nameof(each) for each in node]
    elif node is not None:  # an option that is not given is as good as one that is null
        yield key, _nameof(node)


def _nameof(value: Any) -> Any:
    return Path(value).name if isinstance(value, str) and "/" in value else value
