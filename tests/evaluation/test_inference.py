"""A network in tiles, as a self-ensemble and in a precision: each, and all of them together."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.evaluation.inference import Inference
from aldsr.imaging import self_ensemble, tiled
from aldsr.nn import RDN, ALDBlock, BicubicUpscale

LR = torch.rand(2, 3, 22, 31, generator=torch.Generator().manual_seed(0))
close = partial(torch.testing.assert_close, rtol=0, atol=1e-6)


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture
def network() -> RDN:
    torch.manual_seed(0)
    return RDN(conv=ALDBlock, scale=2, D=1, C=2, G=4, G0=4).eval()


class Recorder(nn.Module):
    """Nearest-neighbour upscaling by 2 that remembers the sizes of its inputs and the type of its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2
        self.conv = nn.Conv2d(3, 3, 1)
        self.sizes: list[tuple[int, ...]] = []
        self.types: set[torch.dtype] = set()

    def forward(self, lr: Tensor) -> Tensor:
        sr: Tensor = self.conv(lr.repeat_interleave(2, -1).repeat_interleave(2, -2))
        self.sizes.append(tuple(lr.shape[-2:]))
        self.types.add(sr.dtype)
        return sr


def test_every_option_is_what_the_functions_of_imaging_do(network: RDN) -> None:
    tiles = partial(tiled, network, scale=2, tile=20, overlap=2)
    expected = {
        (): network(LR),
        ("tile",): tiles(LR),
        ("self_ensemble",): self_ensemble(network, LR),
        ("tile", "self_ensemble"): self_ensemble(tiles, LR),
    }
    options: dict[str, Any] = {"tile": 20, "self_ensemble": True}
    for names, sr in expected.items():
        close(Inference(network, overlap=2, **{name: options[name] for name in names})(LR), sr)
    plain, *others = expected.values()
    assert all((sr - plain).abs().max() > 1e-4 for sr in others)  # the options are at work
    assert torch.equal(Inference(network, tile=17)(LR), Inference(network, tile=17, overlap=8)(LR))


def test_bicubic_is_the_same_in_tiles_and_never_rounded() -> None:
    bicubic = BicubicUpscale(scale=3)
    close(Inference(bicubic, tile=9, overlap=2)(LR), bicubic(LR))
    assert torch.equal(Inference(bicubic, precision="bf16-mixed")(LR), bicubic(LR))


@pytest.mark.parametrize("ensemble", [False, True])
def test_network_is_never_given_more_than_a_tile(ensemble: bool) -> None:
    network = Recorder()
    Inference(network, tile=10, overlap=2, self_ensemble=ensemble)(LR[..., :9, :26])
    assert set(network.sizes) == ({(9, 10), (10, 9)} if ensemble else {(9, 10)})
    assert len(network.sizes) == (8 if ensemble else 1) * 4


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)]
)
@pytest.mark.parametrize("options", [{}, {"self_ensemble": True, "tile": 10, "overlap": 2}])
def test_network_computes_in_the_precision_and_the_result_is_float32(
    precision: str, dtype: torch.dtype, options: dict[str, Any]
) -> None:
    network = Recorder()
    with torch.autocast("cpu", torch.bfloat16):  # an autocast outside does not count
        sr = Inference(network, precision=precision, **options)(LR)
    assert network.types == {dtype}
    assert (sr.dtype, sr.shape) == (torch.float32, (2, 3, 44, 62))


def test_self_ensemble_in_half_precision_is_averaged_in_float32(network: RDN) -> None:
    found = Inference(network, self_ensemble=True, precision="bf16-mixed")(LR)
    with torch.autocast("cpu", torch.bfloat16):
        close(found, self_ensemble(lambda lr: network(lr).float(), LR))
    assert not torch.equal(found, found.bfloat16().float())  # finer than any one of the eight


@pytest.mark.parametrize(
    ("options", "named"),
    [({"precision": "bf16"}, "precision=bf16"), ({"tile": 16}, "tile=16"), ({"tile": 8, "overlap": -1}, "tile=8")],
)
def test_options_that_are_impossible_are_refused_at_once(options: dict[str, Any], named: str, network: RDN) -> None:
    with pytest.raises(ValueError, match=named):
        Inference(network, **options)
