"""The literal form computes what the paper's equations say: the same as ours, with the same weights."""

import torch

from aldsr.bench.literal import literal_rdn
from aldsr.nn import RDN, ALDBlock


def test_the_literal_network_and_ours_are_the_same_function_with_the_same_gradients() -> None:
    size = {"D": 2, "C": 3, "G": 4, "G0": 4, "scale": 4}
    torch.manual_seed(0)
    literal, ours = literal_rdn(**size).double(), RDN(conv=ALDBlock, **size).double()
    ours.load_state_dict(literal.state_dict())
    x = torch.rand(2, 3, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(x), literal(x), rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(each(x).square().sum(), list(each.parameters())) for each in (literal, ours)]
    for theirs, own in zip(*gradients, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-9, atol=1e-9)
