"""aldsr: super-resolution networks with swappable convolution blocks, measured honestly."""

import signal
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["from_pretrained"]

if sys.argv[0] == "-m" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # This is `python -m aldsr.COMMAND`: Ctrl-C while it imports torch is no error with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

if TYPE_CHECKING:
    from aldsr.nn.pretrained import from_pretrained
else:

    def __getattr__(name: str) -> Any:
        """`from_pretrained`, imported when it is asked for: it brings torch, which takes seconds."""
        if name == "from_pretrained":
            from aldsr.nn.pretrained import from_pretrained

            return from_pretrained
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
