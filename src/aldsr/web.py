"""`python -m aldsr.web -o DIR`: a page on which a network upscales pictures in the visitor's browser.

DIR gets static files: the page, the network as ONNX, onnxruntime-web to run it, and a sample picture. The visitor's
pictures never leave the visitor's machine. An earlier page in DIR is replaced. Serve it by
`python -m http.server -d DIR` or any other server: from files, browsers run no workers and no WebAssembly.
Exit status: 0 done, 2 wrong usage.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from aldsr.core.command import make_parser, plain_command
from aldsr.core.quoting import shell_words
from aldsr.nn.pretrained import PACKAGED_SCALES, choose_weights
from aldsr.webapp.page import INSTALLED, compose_page


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Compose the page, and report how to look at it."""
    parser = make_parser("web", __doc__, networks=True)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--weights", metavar="FILE", help="(default: those of the package)")
    text = "of the package's weights (default 4)"
    parser.add_argument("--scale", type=int, choices=PACKAGED_SCALES, help=text)
    runtime = Path(os.environ.get("ALDSR_ORT_WEB", INSTALLED))
    text = f"the npm package onnxruntime-web (default: $ALDSR_ORT_WEB, else {INSTALLED})"
    parser.add_argument("--runtime", type=Path, default=runtime, metavar="DIR", help=text)
    options = parser.parse_args(argv)
    weights = choose_weights(options.weights, options.scale, options.allow_code)
    print(compose_page(weights, options.output, runtime=options.runtime, allow_code=options.allow_code))
    print(f"serve it: python -m http.server -d {shell_words(options.output)}; then open http://localhost:8000")


if __name__ == "__main__":
    main()
