"""`aldsr COMMAND …`: what `python -m aldsr.COMMAND …` does, by one name.

`aldsr COMMAND --help` says more of each.
"""

import runpy
import sys
from collections.abc import Sequence

COMMANDS = {
    "upscale": "pictures, by a trained network",
    "train": "a network",
    "evaluate": "a network, or anyone's images, by the protocol of the literature",
    "export": "a trained network, for other programs",
    "compare": "measurements, side by side",
    "study": "where a study's runs stand",
    "report": "runs or a study, as one HTML page with their pictures",
    "figure": "networks side by side on a crop of one image, for a paper",
    "attention": "what the attention of trained ALD networks has learnt",
    "doctor": "what is wrong with a data set",
    "download": "DIV2K, to train on",
    "benchmark": "speed, memory and loading on this machine",
    "parameters": "of the paper's networks, counted",
    "dashboard": "a study in W&B",
    "web": "a page that upscales pictures in the browser",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that is named."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        listed = "\n".join(f"  {command:<12}{what}" for command, what in COMMANDS.items())
        print(f"usage: aldsr COMMAND …\n\n{listed}\n\n`aldsr COMMAND --help` says more of each.")
    elif name not in COMMANDS:
        print(f"error: aldsr {name}: no such command; expected {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv[1:] = rest
        # As `python -m` does it, so that processes started by the command find it as their main module.
        runpy.run_module(f"aldsr.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
