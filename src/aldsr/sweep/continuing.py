"""Continuing a run that is in its folder already: only if it is the same run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aldsr.core.errors import UserError
from aldsr.core.run_files import CONFIG
from aldsr.core.settings import flatten, rule_of


class DifferentRunError(UserError):
    """The folder holds another run."""


def check_same(folder: Path, config: Mapping[str, Any]) -> None:
    """Compare a run's configuration with that of the run in its folder.

    Raises:
        DifferentRunError: naming the differences.
    """
    earlier: Any = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    if found := list(find_differences(earlier, config)):
        shown = "; ".join(f"{key} was {theirs}, is now {ours}" for key, theirs, ours in found[:3])
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise DifferentRunError(
            f"{folder}: holds a run of another configuration ({shown}{more}); give this one another study.name or "
            "run_dir, or move the folder away"
        )


def find_differences(earlier: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Settings that differ though they may not change when a run is continued, with both values.

    Of a path its last name counts, so that a data set may move.
    """
    theirs, ours = (
        {key: _name(value) for key, value in flatten(each).items() if not rule_of(key).may_change}
        for each in (earlier, config)
    )
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            yield key, theirs.get(key), ours.get(key)


def _name(value: Any) -> Any:
    if isinstance(value, list):
        return [_name(each) for each in value]
    return Path(value).name if isinstance(value, str) and "/" in value else value
