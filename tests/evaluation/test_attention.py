"""Attention against the equations written out; ablated networks against blocks scaled by hand."""

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from aldsr.data import BenchmarkSet
from aldsr.data.cache import CachedPair
from aldsr.evaluation.attention import (
    UNTOUCHED,
    Ablation,
    LayerAttention,
    ablate,
    ablation_scores,
    make_ablations,
    read_attention,
    shuffle_channels,
)
from aldsr.imaging import luma, quantise
from aldsr.nn import RDN, ALDBlock, LDWBlock, average, determinant, fold, standardised, zero
from aldsr.nn.description import BACKBONES
from aldsr.run.network import read_size

ALD = partial(ALDBlock, reduction=2)


def rdn(conv: Any = ALD, backbone: Any = RDN) -> nn.Module:
    """A network whose attention is alive and differs from channel to channel."""
    torch.manual_seed(0)
    size = read_size(backbone.__name__.lower(), "tiny")
    size.pop("residual", None)  # with it the output hardly depends on the attention at first
    network: nn.Module = backbone(conv=conv, scale=2, **size)
    for block in blocks(network):
        nn.init.normal_(block.depthwise.weight)
        nn.init.normal_(block.attention.squeeze.bias, mean=0.5)
    return network.eval()


def blocks(network: nn.Module) -> list[ALDBlock]:
    return [each for each in network.modules() if isinstance(each, ALDBlock)]


def benchmark() -> BenchmarkSet:
    """A set of two images, x2."""
    generator = torch.Generator().manual_seed(0)
    hr = [torch.randint(0, 256, (3, 24, 20), generator=generator, dtype=torch.uint8) for _ in range(2)]
    lr = [image[:, ::2, ::2].contiguous() for image in hr]
    pairs = [CachedPair(f"p{n}", *images) for n, images in enumerate(zip(hr, lr, strict=True))]
    return BenchmarkSet("two", pairs)


def test_layers_follow_the_papers_equations() -> None:
    network = rdn()
    layers = read_attention(network)
    assert [layer.place for layer in layers] == [f"RDBs.{d}.layers.{c}" for d in range(2) for c in range(2)]
    for layer, block in zip(layers, blocks(network), strict=True):
        state = {key: value.double().numpy() for key, value in block.attention.state_dict().items()}
        z = np.linalg.det(block.depthwise.weight[:, 0].detach().double().numpy())
        mean = np.full_like(z, z.mean())
        hidden = [state["squeeze.weight"] @ each + state["squeeze.bias"] for each in (z, mean)]
        r, r_of_mean = (1 / (1 + np.exp(-state["excite.weight"] @ h.clip(0) - state["excite.bias"])) for h in hidden)
        for ours, expected in ((layer.z, z), (layer.hidden, hidden[0]), (layer.r, r), (layer.due, r - r_of_mean)):
            np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_statistics_of_a_layer_worked_out_by_hand() -> None:
    z, r = [0.0, 1.0, 2.0, 9.0], [0.2, 0.3, 0.4, 0.5]
    hidden, due = [-1.0, 0.0, 0.5, 2.0], [0.0, 0.0, 3.0, -4.0]
    found = LayerAttention("", *map(np.array, (z, hidden, r, due))).statistics()
    assert found["live"] == 0.5  # a unit at 0 passes nothing
    assert (found["r_mean"], found["z_mean"]) == pytest.approx((0.35, 3.0))
    assert (found["r_sd"], found["z_sd"]) == pytest.approx((0.0125**0.5, 12.5**0.5))
    assert found["due"] == pytest.approx(2.5)
    assert found["pearson"] == pytest.approx(np.corrcoef(z, r)[0, 1])
    assert found["spearman"] == pytest.approx(1)  # they rise together


def test_without_descriptor_or_attention_there_is_nothing_to_read() -> None:
    for layer in read_attention(rdn(partial(ALD, descriptor=zero))):
        statistics = layer.statistics()
        assert (statistics["due"], statistics["pearson"], statistics["spearman"]) == (0, None, None)
    assert read_attention(rdn(LDWBlock)) == read_attention(fold(rdn())) == []


def test_untouched_is_fold_itself_and_the_network_stays_as_it_is() -> None:
    network = rdn()
    before = copy.deepcopy(network.state_dict())
    expected, found = fold(network), ablate(network, Ablation(UNTOUCHED))
    assert [type(each) for each in found.modules()] == [type(each) for each in expected.modules()]
    for ours, theirs in ((found.state_dict(), expected.state_dict()), (network.state_dict(), before)):
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


@torch.no_grad()
def changed(network: nn.Module, name: str) -> nn.Module:
    """The network with z or r changed in every block, by eq. 3."""
    changed = copy.deepcopy(network)
    for block in blocks(changed):
        z, attention = block.attention.descriptor(block.depthwise.weight[:, 0]), block.attention
        r = attention.gate({"z = 0": 0 * z, "z = mean": z.mean().repeat(len(z))}.get(name, z))
        r = {"r = 0": 0 * r, "r = mean": r.mean().repeat(len(r))}.get(name, r)
        attention.forward = lambda filters, r=r: r  # type: ignore[method-assign]
    return changed


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES)
@pytest.mark.parametrize("descriptor", [determinant, partial(standardised, of=average)])
@pytest.mark.parametrize("name", ["z = 0", "z = mean", "r = mean", "r = 0"])
@torch.no_grad()
def test_an_ablated_network_is_that_of_the_changed_scales(name: str, descriptor: Any, backbone: Any) -> None:
    network = rdn(partial(ALD, descriptor=descriptor), backbone)
    assert len(read_attention(network)) == len(blocks(network)) > 0
    (ablation,) = (each for each in make_ablations(shuffles=1) if each.name == name)
    lr = torch.rand(1, 3, 9, 8)
    ours, theirs = ablate(network, ablation)(lr), changed(network, name)(lr)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(ours, network(lr), atol=1e-4)


def test_shuffles_are_permutations_that_their_seed_decides() -> None:
    values = torch.arange(50.0)
    first, again, other = shuffle_channels(0), shuffle_channels(0), shuffle_channels(1)
    a, b = first(values), first(values)
    assert torch.equal(a.sort().values, values)
    assert torch.equal(again(values), a)
    assert not any(torch.equal(a, each) for each in (values, b, other(values)))  # every layer has its own


@torch.no_grad()
def test_scores_are_psnr_of_the_ablated_networks_and_shuffles_are_averaged() -> None:
    network, images = rdn(), benchmark()
    scores = ablation_scores(network, [images], make_ablations(shuffles=3))["two"]
    assert list(scores) == [UNTOUCHED, "z = 0", "z = mean", "z shuffled", "r = mean", "r = 0"]

    def psnr(form: nn.Module, place: int) -> float:
        pair = images[place]
        a, b = (luma(image)[0, 0, 2:-2, 2:-2].numpy() for image in (quantise(form(pair.lr / 255)), pair.hr))
        return float(peak_signal_noise_ratio(a, b, data_range=255))

    assert scores[UNTOUCHED] == {f"p{n}": pytest.approx(psnr(fold(network), n), abs=1e-3) for n in range(2)}
    by_shuffle = [psnr(ablate(network, Ablation("", z=shuffle_channels(seed))), 1) for seed in range(3)]
    assert scores["z shuffled"]["p1"] == pytest.approx(np.mean(by_shuffle), abs=1e-3)
    assert len({values["p0"] for values in scores.values()}) == len(scores)
