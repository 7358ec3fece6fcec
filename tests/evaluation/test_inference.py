"""A network in tiles, as a self-ensemble and in a precision: each, and all of them together."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aldsr.evaluation.inference import Inference
from aldsr.imaging import self_ensemble, tiled
from aldsr.nn import RDN, ALDBlock, BicubicUpscale


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def network(*, scale: int = 2) -> RDN:
    torch.manual_seed(0)
    return RDN(conv=ALDBlock, scale=scale, D=1, C=2, G=4, G0=4).eval()


def picture(*, batch: int = 1, height: int = 22, width: int = 31) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


class Recording(nn.Module):
    """Nearest-neighbour upscaling by 2 that remembers what it was given, and what type its convolution had."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 2
        self.conv = nn.Conv2d(3, 3, 1)
        self.given: list[tuple[int, ...]] = []
        self.types: set[torch.dtype] = set()

    def forward(self, lr: Tensor) -> Tensor:
        sr: Tensor = self.conv(lr.repeat_interleave(2, -1).repeat_interleave(2, -2))
        self.given.append(tuple(lr.shape[-2:]))
        self.types.add(sr.dtype)
        return sr


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_without_options_it_is_the_network_itself(scale: int) -> None:
    net, lr = network(scale=scale), picture(batch=2)
    inference = Inference(net)
    assert inference.scale == scale
    close(inference(lr), net(lr))


def test_tiles_are_those_of_tiled() -> None:
    net, lr = network(), picture(batch=2)
    found = Inference(net, tile=12, overlap=2)(lr)
    close(found, tiled(net, lr, scale=2, tile=12, overlap=2))
    assert (found - net(lr)).abs().max() > 1e-4  # the network sees farther than two pixels: tiles are at work


def test_tiles_change_nothing_where_the_network_sees_no_farther_than_the_overlap() -> None:
    net, lr = BicubicUpscale(scale=3), picture(batch=2)
    close(Inference(net, tile=9, overlap=2)(lr), net(lr))


def test_overlap_is_eight_by_default() -> None:
    net, lr = network(), picture()
    assert torch.equal(Inference(net, tile=17)(lr), Inference(net, tile=17, overlap=8)(lr))
    assert not torch.equal(Inference(net, tile=17)(lr), Inference(net, tile=17, overlap=1)(lr))


def test_self_ensemble_is_that_of_the_network() -> None:
    net, lr = network(), picture(batch=2)
    found = Inference(net, self_ensemble=True)(lr)
    close(found, self_ensemble(net, lr))
    assert (found - net(lr)).abs().max() > 1e-4


def test_self_ensemble_of_tiles_tiles_every_orientation() -> None:
    net, lr = network(), picture()
    found = Inference(net, tile=12, overlap=2, self_ensemble=True)(lr)
    close(found, self_ensemble(partial(tiled, net, scale=2, tile=12, overlap=2), lr))
    assert (found - Inference(net, self_ensemble=True)(lr)).abs().max() > 1e-5


@pytest.mark.parametrize("ensemble", [False, True])
def test_network_is_never_given_more_than_a_tile(ensemble: bool) -> None:
    net = Recording()
    Inference(net, tile=10, overlap=2, self_ensemble=ensemble)(picture(height=9, width=26))
    assert set(net.given) == ({(9, 10), (10, 9)} if ensemble else {(9, 10)})
    assert len(net.given) == (8 if ensemble else 1) * 4


@pytest.mark.parametrize(("precision", "near"), [("bf16-mixed", 2e-2), ("16-mixed", 4e-3)])
@pytest.mark.parametrize("options", [{}, {"tile": 12, "overlap": 2}, {"self_ensemble": True}])
def test_half_precision_is_near_float32_and_not_the_same(options: dict[str, Any], precision: str, near: float) -> None:
    net, lr = network(), picture()
    half, full = Inference(net, precision=precision, **options)(lr), Inference(net, **options)(lr)
    assert half.dtype == torch.float32
    assert 1e-5 < (half - full).abs().max() < near


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)],
)
@pytest.mark.parametrize("options", [{}, {"tile": 10, "overlap": 2}, {"self_ensemble": True, "tile": 10, "overlap": 2}])
def test_network_computes_in_the_precision_and_the_result_is_float32(
    precision: str, dtype: torch.dtype, options: dict[str, Any]
) -> None:
    net = Recording()
    result = Inference(net, precision=precision, **options)(picture())
    assert net.types == {dtype}
    assert result.dtype == torch.float32
    assert result.shape == (1, 3, 44, 62)


def test_self_ensemble_in_half_precision_is_averaged_in_float32() -> None:
    net, lr = network(), picture()
    found = Inference(net, self_ensemble=True, precision="bf16-mixed")(lr)
    with torch.autocast("cpu", torch.bfloat16):
        each = self_ensemble(lambda x: net(x).float(), lr)
    close(found, each)
    assert not torch.equal(found, found.bfloat16().float())  # finer than any one of the eight


def test_full_precision_switches_off_an_autocast_outside() -> None:
    net = Recording()
    with torch.autocast("cpu", torch.bfloat16):
        Inference(net)(picture())
    assert net.types == {torch.float32}


def test_bicubic_upscaling_is_never_rounded() -> None:
    net, lr = BicubicUpscale(scale=4), picture()
    assert torch.equal(Inference(net, precision="bf16-mixed")(lr), net(lr))


def test_weights_and_mode_are_the_networks() -> None:
    net = network()
    inference = Inference(net, tile=20, overlap=2, self_ensemble=True)
    assert [id(p) for p in inference.parameters()] == [id(p) for p in net.parameters()]
    inference.train()
    assert net.training


@pytest.mark.parametrize("precision", ["bf16", "64-true", "32", "bf16-true", ""])
def test_precision_that_is_not_offered_is_refused(precision: str) -> None:
    with pytest.raises(ValueError, match=f"precision={precision}: expected one of 32-true, bf16-mixed, 16-mixed"):
        Inference(network(), precision=precision)


@pytest.mark.parametrize(("tile", "overlap"), [(16, 8), (4, 2), (0, 0), (-5, 0), (8, -1)])
def test_tile_of_which_overlaps_leave_nothing_is_refused_at_once(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"tile={tile}: must be more than twice the overlap, {overlap} at each side"):
        Inference(network(), tile=tile, overlap=overlap)
