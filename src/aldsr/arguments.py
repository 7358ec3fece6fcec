"""What the commands with plain options have in common: numbers on the command line, and errors in their words."""

import argparse
import re


def positive(text: str) -> int:
    """A whole number from 1 up."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': expected a whole number from 1 up")
    return int(text)


def in_words(error: Exception) -> str:
    """An error in one line; allow_code, an option in brackets of the Hydra commands, as these commands have it."""
    return " ".join(re.sub(r"allow_code=\[(.+?)\]", r"--allow-code \1", str(error)).split())
