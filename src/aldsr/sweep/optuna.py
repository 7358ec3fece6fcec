"""`hydra/sweeper=optuna`, whose plugin is the extra `optuna`, with defaults that suit a study.

The same command draws the same jobs again: those that are done give their results at once, one that was interrupted is
resumed. Optuna thus needs no storage to go on after it was killed.
"""

from contextlib import suppress
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError

DEFAULTS: dict[str, Any] = {
    "direction": "maximize",  # of the job's mean PSNR over the sets
    "n_jobs": 1,  # drawn at a time; as many as shall run side by side
    "max_failure_rate": 1.0,  # a job that fails is left out and ends no other
    "study_name": "${study.name}",
}


def offer_optuna() -> None:
    """Give the plugin's options their defaults, if it is installed."""
    Plugins.instance()  # imports the plugins, which store their options
    store = ConfigStore.instance()
    with suppress(ConfigLoadError, OSError):
        samplers = [f"sampler/{name}" for name in store.list("hydra/sweeper/sampler")]
        for name, values in {"optuna.yaml": DEFAULTS, **{key: {"seed": 0} for key in samplers}}.items():
            found = store.load(f"hydra/sweeper/{name}")
            for key, value in values.items():
                if key in found.node:
                    found.node[key] = value
            group, _, last = f"hydra/sweeper/{name}".rpartition("/")
            store.store(last.removesuffix(".yaml"), found.node, group, provider=found.provider)
