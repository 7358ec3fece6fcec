"""`python -m aldsr.export WEIGHTS -o OUT`: write a trained network for use in aldsr or in other programs.

The network is folded, which is exact, then written as a weights file (.safetensors), an ONNX model (.onnx) or a
torch.export archive (.pt2). Its input `lr` and output `sr` are float32 RGB in [0, 1], [batch, 3, height, width], of any
number and size; the output is not clipped.
The file is read back (ONNX in onnxruntime) and compared with WEIGHTS on images of several sizes before it is kept.
Exit status: 0 done, 2 wrong usage, or the file did not agree and was not kept.
"""

from collections.abc import Sequence
from pathlib import Path

from aldsr.analysis.study import trained_degradation
from aldsr.core.command import make_parser, plain_command
from aldsr.core.files import atomic_write, check_output
from aldsr.nn import fold
from aldsr.nn.description import deployed_description, label, scale_of
from aldsr.nn.formats import FORMATS, Format, FormatError, check_file, make_test_images
from aldsr.nn.weights import find_file, load_network, write_weights


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Write the file and report its size and accuracy."""
    parser = make_parser("export", __doc__, networks=True)
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="a weights file or training checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the file to write")
    parser.add_argument("--format", choices=tuple(FORMATS), help="(default: by the suffix of OUT)")
    options = parser.parse_args(argv)
    print(export(options.weights, options.output, options.format, allow_code=options.allow_code))


def export(weights: Path, output: Path, format_name: str | None = None, *, allow_code: Sequence[str] = ()) -> str:
    """Write a network in one of `FORMATS`, by default that of the suffix of `output`; return a line that reports it.

    Raises NetworkError if the weights cannot be read, or are of no network that upscales, and FormatError if network,
    format and output do not go together, or the file does not agree with the network; it is not kept.
    """
    output = output.expanduser()
    kind = choose_format(output, format_name)
    kind.check_installed()
    weights = find_file(weights)  # in the folder of a run, which `check_output` is to keep
    check_output(str(output), output, weights)
    network, description = load_network(weights, allow_code)
    scale, folded = scale_of(description), deployed_description(description, network.eval())
    with atomic_write(output) as temporary:
        if kind is FORMATS["safetensors"]:
            write_weights(temporary, fold(network), folded, degradation=trained_degradation(weights))
        else:
            kind.write(temporary, fold(network), folded)
        difference = check_file(network, kind, temporary, output, allow_code)
    size = f"{output.stat().st_size / 2**20:.2f} MiB"
    return (
        f"{output}: {label(description)} x{scale} folded, {kind.title}, {size}; "
        f"differs from {weights} by at most {difference:.1g} on images of {len(make_test_images())} sizes"
    )


def choose_format(output: Path, name: str | None) -> Format:
    """The format with this name, or the suffix of `output`. Raises FormatError if it has no or another's suffix."""
    suffixes = {kind.suffix: kind for kind in FORMATS.values()}
    if name is None and output.suffix not in suffixes:
        raise FormatError(f"{output}: its suffix names no format; use {', '.join(suffixes)}, or choose by --format")
    kind = suffixes[output.suffix] if name is None else FORMATS[name]
    # aldsr recognises a weights file by its suffix only; other programs read what they are given.
    if output.suffix != kind.suffix and (output.suffix in suffixes or kind is FORMATS["safetensors"]):
        raise FormatError(f"{output}: a file of --format {name} ends in {kind.suffix}")
    return kind


if __name__ == "__main__":
    main()
