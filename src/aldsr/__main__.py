"""`aldsr COMMAND …`: what `python -m aldsr.COMMAND …` does, by one name.

`aldsr COMMAND --help` shows the options of each.
"""

import runpy
import sys
from collections.abc import Sequence

from aldsr.core.command import print_any_text

COMMANDS = {
    "upscale": "upscale pictures with a trained network",
    "train": "train a network, or sweep over many",
    "evaluate": "measure a network, or anyone's images, by the protocol of the literature",
    "convert": "make a weights file from published weights of RDN, EDSR, RCAN or IMDN",
    "export": "write a trained network for other programs: ONNX, torch.export",
    "compare": "put results side by side, with statistics over seeds",
    "study": "show the status of a study's runs",
    "report": "write runs or a study as one HTML page with their images",
    "figure": "draw networks side by side on a crop of one image",
    "attention": "analyse what the attention of trained ALD networks has learnt",
    "doctor": "find what is wrong with a data set",
    "download": "download DIV2K",
    "benchmark": "measure speed, memory and data loading on this machine",
    "parameters": "count the parameters of the paper's networks",
    "dashboard": "save views of the runs in W&B",
    "web": "build a page that upscales pictures in the browser",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command that is named."""
    print_any_text()
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help"):
        listed = "\n".join(f"  {command:<12}{what}" for command, what in COMMANDS.items())
        print(f"usage: aldsr COMMAND …\n\n{listed}\n\n`aldsr COMMAND --help` shows the options of each.")
    elif name not in COMMANDS:
        print(f"error: aldsr {name}: no such command; expected {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.argv[1:] = rest
        # As `python -m` does it, so that processes started by the command find it as their main module.
        runpy.run_module(f"aldsr.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
