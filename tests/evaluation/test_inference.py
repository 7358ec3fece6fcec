"""A network in tiles, as a self-ensemble and in a precision: each, and all of them together."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch

from aldsr.evaluation.inference import Inference
from aldsr.imaging import self_ensemble, tiled
from aldsr.nn import RDN, ALDBlock

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


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)]
)
def test_network_computes_in_the_precision_and_the_mean_of_the_ensemble_in_float32(
    precision: str, dtype: torch.dtype, network: RDN
) -> None:
    types = set()
    network.SFE1.register_forward_hook(lambda _layer, _input, output: types.add(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):  # an autocast outside does not count
        found = Inference(network, self_ensemble=True, precision=precision)(LR)
    assert types == {dtype}
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        expected = self_ensemble(lambda lr: network(lr.contiguous(memory_format=torch.channels_last)).float(), LR)
    close(found, expected)
    assert not torch.equal(found, found.to(torch.bfloat16).float())  # finer than any one of the eight


@pytest.mark.parametrize(
    ("options", "named"),
    [({"precision": "bf16"}, "precision=bf16"), ({"tile": 16}, "tile=16"), ({"tile": 8, "overlap": -1}, "tile=8")],
)
def test_options_that_are_impossible_are_refused_at_once(options: dict[str, Any], named: str, network: RDN) -> None:
    with pytest.raises(ValueError, match=named):
        Inference(network, **options)
