"""The one kind of error that a user can mend."""

from collections.abc import Sequence


class UserError(Exception):
    """A mistake that the user can mend; its text is one sentence that says what was found and what to do.

    Commands print the sentence and end with its status; every other exception is a bug and shows its traceback.
    """

    status = 2


class OptionError(UserError, ValueError):
    """Options that are invalid or make no sense together."""


class NetworkError(UserError, ValueError):
    """A network that cannot be built or run, or weights that do not fit."""


def list_names(names: Sequence[str]) -> str:
    """List names in a message: the first three, and how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
