"""What all commands share: how a mistake, Ctrl-C or a closed pipe ends them, and options that are numbers.

Exit status: 0 done; 1 a bug, with its traceback; 2 the user's mistake, in one sentence on standard error; 130 Ctrl-C,
and 128 + signal in general; 141 nobody reads the output any more.
"""

import argparse
import codecs
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from aldsr.core.errors import UserError
from aldsr.core.files import FULL
from aldsr.core.signals import Stopped, catch_stop_signals

ASCII = dict(zip("×→…±–−·─²", ("x", "->", "...", "+-", "-", "-", "-", "-", "^2"), strict=True))
UNWRITABLE = (*FULL, errno.EROFS, errno.EACCES, errno.EEXIST, errno.ENOTDIR)


def user_message(error: BaseException) -> str | None:
    """The sentence for the user if the error is one that the user can mend, else None."""
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{error.filename}: {error.strerror}; choose a shorter one"
    if isinstance(error, OSError) and (error.errno in UNWRITABLE or str(error.filename).endswith(".part")):
        place = re.sub(r"\.\w+\.part$", "", str(error.filename or "a file"))  # without what `atomic_write` has added
        kept = "files that were written before are complete"
        return f"{place}: cannot be read or written ({error.strerror}); {kept}; choose another place, or make room"
    return None


def print_any_text() -> None:
    """Let terminals and files that lack a character, such as those of ASCII, show another one or its number."""
    codecs.register_error("aldsr", _replace_character)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="aldsr")


def _replace_character(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    return ASCII.get(character) or character.encode("ascii", "backslashreplace").decode(), error.start + 1


@contextmanager
def exit_status(*, interrupted: str | Callable[[], str] = "") -> Iterator[None]:
    """Turn what ends a command into its exit status and, for a user's mistake, into one sentence.

    `interrupted` is what Ctrl-C and other stop signals leave behind, for the message; a function is asked for it then.
    """
    print_any_text()
    try:
        with catch_stop_signals():
            yield
    except (KeyboardInterrupt, Stopped) as error:
        left = interrupted if isinstance(interrupted, str) else interrupted()
        print(": ".join(filter(None, ("interrupted", left))), file=sys.stderr)
        sys.exit(error.code if isinstance(error, Stopped) else 130)
    except BrokenPipeError:  # the reader, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if (message := user_message(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(error.status if isinstance(error, UserError) else 2)


@contextmanager
def plain_command(*, interrupted: str = "") -> Iterator[None]:
    """Decorate the function of a command that has plain options, such as `--allow-code PACKAGE` (see `exit_status`)."""
    with exit_status(interrupted=interrupted):
        try:
            yield
        except UserError as error:  # layers below name the option as the Hydra commands have it
            raise UserError(re.sub(r"allow_code=\[(.+?)\]", r"--allow-code \1", str(error))) from error


def make_parser(command: str, description: str | None, *, networks: bool = False) -> argparse.ArgumentParser:
    """The command line of `python -m aldsr.COMMAND`, with --allow-code if it builds networks that others described."""
    prog, raw = f"python -m aldsr.{command}", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=prog, description=description, formatter_class=raw)
    if networks:
        allow = "a package beside aldsr.nn that blocks of your own may come from; may be repeated"
        parser.add_argument("--allow-code", action="append", default=[], metavar="PACKAGE", help=allow)
    return parser


def whole_number(text: str, least: int = 0) -> int:
    """The type of an option that is a whole number from `least` up."""
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number from {least} up")
    return int(text)


positive_int = partial(whole_number, least=1)
