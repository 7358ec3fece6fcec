"""`python -m aldsr.export WEIGHTS -o OUT`: a trained network for use, in aldsr or in other programs.

The network is folded, which is exact, then written as a weights file (.safetensors), an ONNX model (.onnx) or a
torch.export archive (.pt2), for pictures of any number and size: float32 RGB in [0, 1], [batch, 3, height, width].
The file is read back, ONNX in onnxruntime, and compared with WEIGHTS on several sizes before it is put in place.
Exit status: 0 done, 1 the file did not agree and was not kept, 2 wrong usage.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from aldsr.core.command import plain_command
from aldsr.core.files import atomic_write
from aldsr.nn import fold
from aldsr.nn.description import TRUSTED, label, scale_of
from aldsr.nn.formats import FORMATS, Format, FormatError
from aldsr.nn.verification import checked, pictures, plain_description
from aldsr.nn.weights import load_network


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Write the network, and say where and how exact."""
    options = _parser().parse_args(argv)
    print(export(options.weights, options.output, options.format, allow_code=options.allow_code))


def export(weights: Path, output: Path, name: str | None = None, *, allow_code: Sequence[str] = ()) -> str:
    """Write a network in one format; a line that says what was written.

    Args:
        weights: a weights file or training checkpoint.
        output: the file to write.
        name: of the format, see `FORMATS`; None: by the output's suffix.
        allow_code: packages beside aldsr.nn that the network's blocks may come from.

    Raises:
        NetworkError: if the weights cannot be read.
        FormatError: if they cannot be written in this format, or not there.
        CheckError: if what was written did not agree with them; nothing is left then.
    """
    kind = format_of(output, name)
    kind.check_installed()
    if output.exists() and weights.exists() and output.samefile(weights):
        raise FormatError(f"{output}: is WEIGHTS itself, which is kept as it was trained; choose another with -o")
    trusted = (*TRUSTED, *allow_code)
    network, description = load_network(weights, trusted)
    plain = plain_description(network.eval(), description, weights)
    try:
        with atomic_write(output) as temporary:
            kind.write(temporary, fold(network), plain)
            apart = checked(network, kind, temporary, output, trusted)
    except OSError as error:
        raise FormatError(f"{output}: cannot be written ({error.strerror or error}); choose another with -o") from error
    size = f"{output.stat().st_size / 2**20:.2f} MiB"
    return (
        f"{output}: {label(description)} x{scale_of(plain)} folded, {kind.said}, {size}; "
        f"differs from {weights} by at most {apart:.1g} on {len(pictures())} sizes"
    )


def format_of(output: Path, name: str | None) -> Format:
    """The format of a name, or of the output's suffix.

    Raises:
        FormatError: if the suffix is of none or of another, or a weights file lacks its own.
    """
    suffixes = {kind.suffix: kind for kind in FORMATS.values()}
    if name is None and output.suffix not in suffixes:
        raise FormatError(f"{output}: its suffix names no format; use {', '.join(suffixes)}, or choose by --format")
    kind = suffixes[output.suffix] if name is None else FORMATS[name]
    # aldsr takes a file for a weights file by its suffix only; other programs read what they are given.
    if output.suffix != kind.suffix and (output.suffix in suffixes or kind is FORMATS["safetensors"]):
        raise FormatError(f"{output}: a file of --format {name} ends in {kind.suffix}")
    return kind


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aldsr.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="a weights file or training checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write")
    parser.add_argument("--format", choices=tuple(FORMATS), help="default: by OUT's suffix")
    parser.add_argument(
        "--allow-code",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="a package that a network with blocks of your own may load them from; may be repeated",
    )
    return parser


if __name__ == "__main__":
    main()
