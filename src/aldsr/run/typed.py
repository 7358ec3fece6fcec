"""What the user typed after a command that Hydra reads."""

from itertools import chain

from hydra.core.hydra_config import HydraConfig


def typed_options() -> dict[str, str]:
    """The options that were typed, without `+` and `~`, and their values; the last one counts of those typed twice."""
    overrides = HydraConfig.get().overrides
    return dict(each.lstrip("+~").partition("=")[::2] for each in chain(overrides.hydra, overrides.task))
