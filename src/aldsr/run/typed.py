"""What the user typed after a command that Hydra reads, and options that are printed to be typed."""

import re
from itertools import chain

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString

from aldsr.core.quoting import shell_words


def typed_options() -> dict[str, str]:
    """The options that were typed, without `+` and `~`, and their values; the last one counts of those typed twice."""
    overrides = HydraConfig.get().overrides
    return dict(each.lstrip("+~").partition("=")[::2] for each in chain(overrides.hydra, overrides.task))


def override(option: str, value: object) -> str:
    """`OPTION=VALUE` with a text as its value, to be copied into the command line of a Hydra command."""
    return shell_words(f"{option}={hydra_text(value)}")


def hydra_text(value: object) -> str:
    """A text as a value of Hydra's, in double quotes if its override grammar could read anything else."""
    text = str(value)
    other_kinds = re.compile(r"null|true|false|nan|inf|\.\d+", re.IGNORECASE)
    if re.fullmatch(r"[A-Za-z./][\w./-]*", text, re.ASCII) and not other_kinds.fullmatch(text):
        return text
    literal = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # else OmegaConf would resolve it
    return QuotedString(literal, Quote.double).with_quotes()
