"""Commands that are printed to be copied: whatever a folder is called, the shell reads it as it is."""

import shlex


def shell_words(*words: object) -> str:
    """Words of a command line, quoted for the shell where they need it."""
    return shlex.join(map(str, words))
