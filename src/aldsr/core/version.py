"""Which code made a result."""

import subprocess
from pathlib import Path

from aldsr import __version__


def code_version() -> str:
    """aldsr's version, and the commit where it runs from a git checkout: "0.1.0+g1a2b3c4d"."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return __version__
    git = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"]
    try:
        return f"{__version__}+g{subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()}"
    except (OSError, subprocess.CalledProcessError):
        return __version__
