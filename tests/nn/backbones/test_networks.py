"""EDSR, RCAN, IMDN and FSRCNN: their wiring written out, published counts; every block in each."""

import functools
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aldsr.evaluation.cost import count_parameters, multi_adds
from aldsr.nn import (
    EDSR,
    FSRCNN,
    IMDN,
    RCAN,
    RDN,
    ALDBlock,
    BSConvBlock,
    DWBlock,
    LDWBlock,
    StandardBlock,
    collapse,
    fold,
)
from aldsr.nn.bicubic import BicubicUpscale
from aldsr.nn.description import BACKBONES, build
from aldsr.nn.folding import collapsible_blocks
from aldsr.nn.formats import FORMATS, check_file
from tests.nn.conftest import activate, same_with_gradients

MEAN = (0.4488, 0.4371, 0.4040)
BASELINE: dict[str, Any] = {"n_resblocks": 16, "n_feats": 64, "res_scale": 1.0}
SMALL: dict[Any, dict[str, Any]] = {
    RDN: {"D": 1, "C": 2, "G": 4, "G0": 6, "up": 3},
    EDSR: {"n_resblocks": 2, "n_feats": 6, "up": 4, "mean": MEAN, "value_range": 255},
    RCAN: {"n_resgroups": 2, "n_resblocks": 2, "n_feats": 6, "reduction": 2, "mean": MEAN, "value_range": 255},
    IMDN: {"nf": 8, "num_modules": 2},
    FSRCNN: {"d": 6, "s": 4, "m": 2},
}
BLOCKS = [StandardBlock, DWBlock, LDWBlock, functools.partial(ALDBlock, reduction=2), BSConvBlock]

Weights = dict[str, Tensor]


def make(network: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    return activate(network(**SMALL[network] | options))


# Wiring


def conv(x: Tensor, s: Weights, name: str) -> Tensor:
    """The convolution of this name, with zeros around the image."""
    weight = s[f"{name}.weight"]
    return F.conv2d(x, weight, s[f"{name}.bias"], padding=weight.shape[-1] // 2)


def attention(x: Tensor, described: Tensor, s: Weights, name: str) -> Tensor:
    return x * torch.sigmoid(conv(F.relu(conv(described, s, f"{name}.0")), s, f"{name}.2"))


def upscale(x: Tensor, s: Weights, scale: int) -> Tensor:
    x = F.pixel_shuffle(conv(x, s, "tail.0"), 2 if scale == 4 else scale)
    return conv(F.pixel_shuffle(conv(x, s, "tail.2"), 2), s, "tail.4") if scale == 4 else conv(x, s, "tail.2")


def residual_network(x: Tensor, s: Weights, scale: int, body: Callable[[Tensor, Weights], Tensor]) -> Tensor:
    mean = torch.tensor(MEAN).double().view(1, 3, 1, 1)
    shallow = conv(255 * x - 255 * mean, s, "head")
    return (upscale(conv(body(shallow, s), s, "body.2") + shallow, s, scale) + 255 * mean) / 255


def edsr_body(features: Tensor, s: Weights) -> Tensor:
    for block in ("body.0", "body.1"):
        inner = F.relu(conv(features, s, f"{block}.conv1.0"))
        features = features + 0.1 * conv(inner, s, f"{block}.conv2.0")
    return features


def rcan_body(features: Tensor, s: Weights) -> Tensor:
    for group in ("body.0", "body.1"):
        before = features
        for block in (f"{group}.0", f"{group}.1"):
            inner = conv(F.relu(conv(features, s, f"{block}.conv1.0")), s, f"{block}.conv2.0")
            features = features + attention(inner, F.adaptive_avg_pool2d(inner, 1), s, f"{block}.attention")
        features = before + conv(features, s, f"{group}.2")
    return features


literal_edsr, literal_rcan = (functools.partial(residual_network, body=each) for each in (edsr_body, rcan_body))


def literal_imdn(x: Tensor, s: Weights, scale: int) -> Tensor:
    act = functools.partial(F.leaky_relu, negative_slope=0.05)
    shallow = features = conv(x, s, "fea_conv")
    outputs = []
    for module in ("IMDMs.0", "IMDMs.1"):
        d1, r1 = act(conv(features, s, f"{module}.c1.0")).split([2, 6], 1)
        d2, r2 = act(conv(r1, s, f"{module}.c2.0")).split([2, 6], 1)
        d3, r3 = act(conv(r2, s, f"{module}.c3.0")).split([2, 6], 1)
        joined = torch.cat((d1, d2, d3, conv(r3, s, f"{module}.c4.0")), 1)
        contrast = joined.std((2, 3), correction=0, keepdim=True) + joined.mean((2, 3), keepdim=True)
        features = conv(attention(joined, contrast, s, f"{module}.cca"), s, f"{module}.c5") + features
        outputs.append(features)
    low = conv(act(conv(torch.cat(outputs, 1), s, "c.0")), s, "LR_conv") + shallow
    return F.pixel_shuffle(conv(low, s, "upsampler.0"), scale)


def literal_fsrcnn(x: Tensor, s: Weights, scale: int) -> Tensor:
    for name in ("extraction", "shrinking", "mapping.0", "mapping.1", "expanding"):
        x = F.prelu(conv(x, s, f"{name}.0"), s[f"{name}.1.weight"])
    # Deconvolution: every pixel lays its 9x9 filter, times its value, on the output around scale times its place.
    features, height, width = x.shape[1:]
    output = x.new_zeros(len(x), 3, scale * height + 8, scale * width + 8)
    for feature, row, column in product(range(features), range(height), range(width)):
        laid = x[:, feature, row, column].view(-1, 1, 1, 1) * s["deconv.weight"][feature]
        top, left = scale * row, scale * column
        output = output + F.pad(laid, (left, output.shape[3] - left - 9, top, output.shape[2] - top - 9))
    return output[..., 4:-4, 4:-4] + s["deconv.bias"].view(-1, 1, 1)


LITERAL = {EDSR: literal_edsr, RCAN: literal_rcan, IMDN: literal_imdn, FSRCNN: literal_fsrcnn}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("kind", "literal"), LITERAL.items())
def test_outputs_and_gradients_are_those_of_the_wiring_written_out(kind: Any, literal: Any, scale: int) -> None:
    network = make(kind, scale=scale).double()
    x = torch.rand(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    same_with_gradients(network(x), literal(x, dict(network.named_parameters()), scale), (x, *network.parameters()))


def test_an_image_without_contrast_has_gradients() -> None:
    network = make(IMDN, scale=2)
    network(torch.rand(1, 3, 1, 1)).sum().backward()
    assert all(each.grad is None or each.grad.isfinite().all() for each in network.parameters())


# Counts


@pytest.mark.parametrize(
    ("network", "parameters", "giga_multi_adds"),
    [
        (functools.partial(EDSR, scale=4, **BASELINE), 1_517_571, 114.2),
        (functools.partial(EDSR, scale=3, **BASELINE), 1_554_499, None),
        (functools.partial(EDSR, scale=2, **BASELINE), 1_369_859, None),
        (EDSR, 43_089_923, None),
        (RCAN, 15_592_355, None),
        (IMDN, 715_176, 40.9),
        (FSRCNN, 24_518, None),  # see below
    ],
)
def test_parameters_and_multi_adds_are_the_published_ones(
    network: Callable[[], nn.Module], parameters: int, giga_multi_adds: float | None
) -> None:
    with torch.device("meta"):
        made = network()
    assert count_parameters(made) == parameters
    if giga_multi_adds:
        assert (multi_adds(made, scale=4) or 0) / 1e9 == pytest.approx(giga_multi_adds, abs=0.05)


def test_fsrcnn_has_the_weights_of_its_paper_where_it_upscales_one_channel() -> None:
    network = FSRCNN()
    weights = {name: each.shape for name, each in network.named_parameters() if each.ndim == 4}
    d, s, m = 56, 12, 4
    body = d * s + m * s * s * 9 + s * d
    assert sum(map(torch.Size.numel, weights.values())) == 3 * d * 25 + body + 3 * d * 81 == 24_336
    of_luma = {"extraction.0.weight": 3, "deconv.weight": 3}  # these have a third with one channel instead of three
    assert sum(each.numel() // of_luma.get(name, 1) for name, each in weights.items()) == 12_464  # its Table 1
    assert count_parameters(network) == 24_336 + (d + s + m * s + d + 3) + (m + 3)  # biases, slopes
    assert multi_adds(network, scale=4) == 320 * 180 * 24_336  # all at the size of the LR image


# Any block in any backbone


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("kind", BACKBONES.values(), ids=BACKBONES)
def test_folded_and_collapsed_networks_compute_the_same(kind: Any, block: Any, kernel_size: int) -> None:
    network, x = make(kind, conv=functools.partial(block, kernel_size=kernel_size), scale=3), torch.rand(1, 3, 5, 7)
    linear = block not in (StandardBlock, DWBlock)
    blocks = [each for each in network.modules() if isinstance(each, getattr(block, "func", block))]
    assert blocks
    assert len(collapsible_blocks(network)) == linear * len(blocks)
    with torch.no_grad():
        expected, scale = network(x), network(x).abs().max()
        for simplify in (fold, collapse):
            assert (simplify(network)(x) - expected).abs().max() <= 1e-6 * max(1, scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("kind", BACKBONES.values(), ids=BACKBONES)
def test_a_network_with_bicubic_residual_adds_it_and_starts_as_bicubic(kind: Any, scale: int) -> None:
    options = {key: value for key, value in SMALL[kind].items() if key != "mean"} | {"scale": scale}
    plain, residual = kind(**options), kind(**options, residual="bicubic")
    x = torch.rand(2, 3, 5, 7)
    bicubic = BicubicUpscale(scale=scale)(x)
    assert torch.equal(residual(x), bicubic)
    residual.load_state_dict(plain.state_dict())  # strict: the residual adds no weights
    assert torch.equal(residual(x), plain(x) + bicubic)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "block"),
    [("EDSR", "BSConvBlock"), ("RCAN", "DWBlock"), ("IMDN", "ALDBlock"), ("FSRCNN", "LDWBlock")],
)
def test_an_onnx_file_computes_what_the_network_computes(name: str, block: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    conv = {"_target_": f"aldsr.nn.{block}", "_partial_": True}
    options = next(SMALL[kind] for kind in SMALL if kind.__name__ == name)
    description = {"_target_": f"aldsr.nn.{name}", "scale": 3, "conv": conv, **options}
    network, file = build(description).eval(), tmp_path / "network.onnx"
    FORMATS["onnx"].write(file, network, description)
    check_file(network, FORMATS["onnx"], file, file)


def test_a_block_that_cannot_have_the_activation_of_its_place_is_refused() -> None:
    def plain(in_channels: int, out_channels: int) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, 3, padding=1)

    for kind in LITERAL:
        for block, named in ((plain, "plain.*activation"), (functools.partial(LDWBlock, activation="gelu"), "gelu")):
            with pytest.raises(ValueError, match=named):
                make(kind, conv=block)
    assert make(RDN, conv=plain)(torch.rand(1, 3, 4, 4)).shape[-1] == 16


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        *((kind, *bad) for kind in SMALL for bad in (("scale", 5), ("residual", "lanczos"))),
        *((RDN, *bad) for bad in (("scale", 1), ("scale", 2.5), ("residual", None))),
        *((kind, "residual", "bicubic") for kind in (EDSR, RCAN)),  # beside a mean
        *((kind, "up", 0) for kind in (RDN, EDSR, RCAN)),
        *((kind, *bad) for kind in (EDSR, RCAN) for bad in (("mean", (0.5,)), ("value_range", 100))),
        (RCAN, "reduction", 0),
        (IMDN, "nf", 10),
        *((FSRCNN, option, 0) for option in "dsm"),
    ],
)
def test_options_that_are_not_offered_are_refused(kind: Any, option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option):
        make(kind, **{option: value})
