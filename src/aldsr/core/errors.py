"""The one kind of error that a user can mend."""


class UserError(Exception):
    """A mistake that the user can mend; its text is one sentence that says what was found and what to do.

    Commands print the sentence and end with its status; every other exception is a bug and shows its traceback.
    """

    status = 2


class OptionError(UserError, ValueError):
    """Options that are invalid or make no sense together."""


class NetworkError(UserError, ValueError):
    """A network that cannot be built or run, or weights that do not fit."""
