"""`python -m aldsr.convert FILE -o OUT`: make a weights file of aldsr from published weights.

FILE: a state dict of RDN as in EDSR-PyTorch, yjn870/RDN-pytorch or mmagic, or of EDSR, RCAN or IMDN of their authors,
recognised with size and scale; every tensor must fit. Exit status: 0 done, 2 wrong usage, or FILE is none of these.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from aldsr.core.command import make_parser, plain_command
from aldsr.core.errors import OptionError
from aldsr.core.files import check_output
from aldsr.nn.conversion import convert_state
from aldsr.nn.description import build
from aldsr.nn.foreign import read_state_dict
from aldsr.nn.weights import check_network, load_state, write_weights


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Write the file and report what was found."""
    parser = make_parser("convert", __doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="the published weights")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the .safetensors to write")
    parser.add_argument("--res-scale", type=float, help="of EDSR, which no tensor holds (default: its authors')")
    parser.add_argument("--value-range", type=int, choices=(1, 255), help="(default: by FILE's mean, or its authors')")
    options = parser.parse_args(argv)
    if options.output.suffix != ".safetensors":
        raise OptionError(f"{options.output}: a weights file of aldsr ends in .safetensors")
    check_output(str(options.output), options.output, options.file)
    state = read_state_dict(options.file)
    found, description, weights = convert_state(state, options.file, options.res_scale, options.value_range)
    network = build(description)
    load_state(network, weights, options.file)
    check_network(network, description["scale"])
    write_weights(options.output, network, description)
    size = ", ".join(f"{option}={value}" for option, value in description.items() if option != "_target_")
    print(f"{options.output}: {found}; {size}; {sum(map(Tensor.numel, weights.values())):,} parameters")


if __name__ == "__main__":
    main()
