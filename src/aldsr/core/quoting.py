"""Commands that are printed to be copied: whatever a folder is called, the shell and Hydra read it as it is."""

import re
import shlex


def shell_words(*words: object) -> str:
    """Words of a command line, quoted for the shell where they need it."""
    return shlex.join(map(str, words))


def override(option: str, value: object) -> str:
    """`OPTION=VALUE` with a text as its value, to be copied into the command line of a Hydra command."""
    return shell_words(f"{option}={hydra_text(value)}")


def hydra_text(value: object) -> str:
    """A text as a value of Hydra's, in double quotes if its override grammar could read anything else."""
    text = str(value)
    other_kinds = re.compile(r"null|true|false|nan|inf|\.\d+", re.IGNORECASE)
    if re.fullmatch(r"[A-Za-z./][\w./-]*", text, re.ASCII) and not other_kinds.fullmatch(text):
        return text
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # which OmegaConf would resolve
    text = re.sub(r'(\\*)"', r'\1\1\\"', text)
    return '"' + re.sub(r"(\\+)$", r"\1\1", text) + '"'
