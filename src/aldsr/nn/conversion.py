"""Published weights by the names of the networks here.

Whose they are, size and scale show in names and shapes. No tensor holds EDSR's `res_scale`, nor the range of values
where no mean tells it: both are the authors' unless given. EDSR and RCAN keep mean and range as options, since zeros
are put around the image after the mean is subtracted. RDN and IMDN have no mean: a range of 255 is folded into the
first and last convolution. Both are exact but for rounding.
"""

import re
from collections.abc import Mapping
from statistics import mode
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aldsr.nn.description import NetworkError, build
from aldsr.nn.weights import find_faults


class Layout(NamedTuple):
    """How the files of one code base name the weights of the network that `title` begins with."""

    title: str
    names: tuple[tuple[str, Any], ...]  # patterns of ours, and theirs; LAST: the number of the upscaler's last one
    # How the names begin (# is a number) that show an option: as many as the numbers in (#), else as the outputs.
    sizes: dict[str, str]
    value_range: int | None = None  # the authors'; None: the tensors `MEANS` tell it


RESIDUAL = (
    (r"^head\.", "head.0."),
    (r"\.conv1\.0\.", ".body.0."),
    (r"\.conv2\.0\.", ".body.2."),
    (r"\.attention\.", ".body.3.conv_du."),
    (r"^body\.(\d+)\.(\d+)\.", r"body.\1.body.\2."),
    (r"^tail\.LAST\.", "tail.1."),
    (r"^tail\.([02])\.", r"tail.0.\1."),
)
LAYOUTS = (
    Layout(
        "RDN of EDSR-PyTorch",
        ((r"^SFE", "SFENet"), (r"\.layers\.(\d+)\.0\.", r".convs.\1.conv.0.")),
        {"D": "RDBs.(#).", "C": "RDBs.#.convs.(#).", "G": "RDBs.#.convs.", "G0": "RDBs.#.LFF."},
        value_range=255,
    ),
    Layout(
        "RDN of yjn870 or mmagic",
        (
            (r"SFE|RDBs|LFF|GFF", lambda found: found[0].lower()),
            (r"\.layers\.(\d+)\.0\.", r".layers.\1.conv."),
            (r"^UPNet\.LAST\.", "output."),
            (r"^UPNet\.", "upscale."),
        ),
        {"D": "rdbs.(#).", "C": "rdbs.#.layers.(#).", "G": "rdbs.#.layers.", "G0": "rdbs.#.lff.", "up": "rdbs.#.lff."},
        value_range=1,
    ),
    Layout(
        "EDSR of its authors", RESIDUAL, {"n_resblocks": "body.(#).body.#.weight", "n_feats": "body.#.body.#.weight"}
    ),
    Layout(
        "RCAN of its authors",
        RESIDUAL,
        {"n_resgroups": "body.(#).body.#.body.", "n_resblocks": "body.#.body.(#).body."}
        | {"n_feats": "body.#.body.#.body.0.", "reduction": "body.#.body.#.body.3.conv_du.0."},
    ),
    Layout(
        "IMDN of its authors",
        (
            (r"^IMDMs\.(\d+)\.", lambda found: f"IMDB{int(found[1]) + 1}."),
            (r"\.(c[1-4])\.0\.", r".\1."),
            (r"\.cca\.", ".cca.conv_du."),
        ),
        {"num_modules": "IMDB(#).", "nf": "IMDB#.c5."},
        value_range=1,
    ),
)
MEANS = {"sub_mean.weight": (3, 3, 1, 1), "sub_mean.bias": (3,), "add_mean.weight": (3, 3, 1, 1), "add_mean.bias": (3,)}
RES_SCALES = {(32, 256): 0.1, (16, 64): 1.0}  # the authors', by n_resblocks and n_feats
ELSE = "any other network is measured by its own code: model=external external.target=package.module.Class"


def convert_state(
    state: Mapping[str, Tensor], source: object, res_scale: float | None = None, value_range: int | None = None
) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Of anyone's state dict: whose it is, the network's description, and its weights by our names.

    Raises NetworkError if it is of no network that is known, naming what does not fit, or an option is amiss.
    """
    layout, description, names = find_layout(state, source)
    weights = {ours: state[theirs].float() for theirs, ours in names.items()}
    if layout.title.startswith("EDSR"):
        published = RES_SCALES.get((description["n_resblocks"], description["n_feats"]), 0)
        res_scale = published if res_scale is None else res_scale
        if not 0 < res_scale <= 1:
            raise NetworkError(f"{source}: {layout.title}; give --res-scale, in (0, 1], which no tensor holds")
    elif res_scale is not None:
        raise NetworkError(f"--res-scale {res_scale}: is of EDSR, and {source} is {layout.title}; leave it out")
    description |= {} if res_scale is None else {"res_scale": res_scale}
    if layout.value_range is None:
        description["mean"], value_range = read_mean(state, source, value_range)
        description["value_range"] = value_range
    else:
        value_range = value_range or layout.value_range
        first, *_, weight, bias = weights
        weights |= {first: weights[first] * value_range} | {k: weights[k] / value_range for k in (weight, bias)}
    return f"{layout.title}, which computes in [0, {value_range}]", description, weights


def find_layout(state: Mapping[str, Tensor], source: object) -> tuple[Layout, dict[str, Any], dict[str, str]]:
    """Of all layouts and scales the one that fits, the network's description, and our names by theirs."""
    readings = []
    for layout in LAYOUTS:
        sizes = {option: read_size(start, state) for option, start in layout.sizes.items()}
        if not all(sizes.values()):
            continue
        if "reduction" in sizes:
            sizes["reduction"] = sizes["n_feats"] // sizes["reduction"]
        for scale in (4, 3, 2):  # of equal faults, lacking a step is likelier than one too many
            description = {"_target_": f"aldsr.nn.{layout.title.split()[0]}", "scale": scale, **sizes}
            with torch.device("meta"):
                own = build(description).state_dict()
            names = {_rename(ours, layout, scale): ours for ours in own}
            shapes = {theirs: own[ours].shape for theirs, ours in names.items()} | ({} if layout.value_range else MEANS)
            readings.append((find_faults(state, shapes), layout, description, names))
    if not readings:
        known = ", ".join(each.title for each in LAYOUTS)
        raise NetworkError(f"{source}: names such as '{next(iter(state))}' are of none of {known}; {ELSE}")
    faults, layout, description, names = min(readings, key=lambda each: len(each[0]))
    if faults:
        some = "; ".join([*faults[:3], *faults[3:][-3:], ELSE])
        raise NetworkError(f"{source}: almost {layout.title}, x{description['scale']}; {len(faults)} faults: {some}")
    return layout, description, names


def read_size(start: str, state: Mapping[str, Tensor]) -> int:
    """A size that names show (see `Layout`); 0 if none does."""
    pattern = start.replace(".", r"\.").replace("#", r"\d+")
    found = [match for name in state if state[name].ndim and (match := re.match(pattern, name))]
    if "(" in start:
        return len({match[1] for match in found})
    return mode(len(state[match.string]) for match in found) if found else 0


def read_mean(state: Mapping[str, Tensor], source: object, value_range: int | None) -> tuple[list[float], int]:
    """The mean that is subtracted and added again, as parts of the range, and the range."""
    less, bias, more, mean = (state[name].float() for name in MEANS)
    value_range = value_range or (255 if mean.max() > 1 else 1)
    one = torch.eye(3)[:, :, None, None]
    if not (less.equal(one) and more.equal(one) and bias.equal(-mean) and 0 <= mean.min() <= mean.max() <= value_range):
        raise NetworkError(f"{source}: sub_mean and add_mean are not one mean in [0, {value_range}]; {ELSE}")
    return [round(value, 7) for value in (mean / value_range).tolist()], value_range


def _rename(name: str, layout: Layout, scale: int) -> str:
    for ours, theirs in layout.names:
        name = re.sub(ours.replace("LAST", "4" if scale == 4 else "2"), theirs, name)
    return name
