"""The RDB without concatenation, compared with the RDB that concatenates, written out."""

import copy
import functools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode

from aldsr.nn import RDB, ALDBlock, BSConvBlock, ConvBlock, DWBlock, LDWBlock, StandardBlock
from aldsr.nn.kernels import buffered_rdb as module
from aldsr.nn.kernels import cpu
from aldsr.nn.kernels.buffered_rdb import buffered_rdb, find_layers
from tests.nn.conftest import kept_features

SEPARABLE = [DWBlock, LDWBlock, ALDBlock]
SMALL: dict[str, Any] = {"C": 3, "G": 4, "G0": 6}
FITTING: dict[str, Any] = {"C": 3, "G": 32, "G0": 32}  # what the compiled kernels support

compiled = pytest.mark.usefixtures("compiled")


@pytest.fixture(params=[1, 5000, 10**9], ids=["a row at a time", "a few rows", "all images at once"])
def _strip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRIP_BYTES", request.param)


def make(block: Any, *, kernel_sizes: Sequence[int] = (3, 3, 3), dtype: Any = torch.float64, **size: int) -> RDB:
    """An RDB whose features stay of the input's size, attention and biases included."""
    torch.manual_seed(0)
    sizes = iter(kernel_sizes)
    rdb = RDB(**(size or SMALL), conv=lambda *channels: block(*channels, kernel_size=next(sizes))).to(dtype)
    for name, parameter in rdb.named_parameters():
        if "attention" in name or name.endswith("bias"):
            nn.init.normal_(parameter, std=0.5)
    return rdb


def image(batch: int = 2, height: int = 7, width: int = 5, *, channels: int = 6, dtype: Any = torch.float64) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(batch, channels, height, width, dtype=torch.float64).to(dtype).requires_grad_()


def buffered(x: Tensor, rdb: RDB) -> Tensor:
    """What is tested, whether or not RDB itself would choose it."""
    layers = [block.layer() for block in rdb.layers]  # type: ignore[operator]
    assert rdb.LFF.bias is not None
    return buffered_rdb(x, layers, rdb.LFF.weight, rdb.LFF.bias)


def literal(x: Tensor, rdb: RDB) -> Tensor:
    features = x
    for block in rdb.layers:
        features = torch.cat((features, block(features)), 1)
    return rdb.LFF(features) + x


def gradients(compute: Callable[[Tensor, RDB], Tensor], x: Tensor, rdb: RDB) -> dict[str, Tensor]:
    """Of a weighted sum of the output, with respect to the input and every parameter; and the output."""
    output = compute(x, rdb)
    names, inputs = zip(("x", x), *rdb.named_parameters(), strict=True)
    upstream = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    found = torch.autograd.grad(output, inputs, upstream, materialize_grads=True)
    return {"output": output.detach(), **dict(zip(names, found, strict=True))}


def largest_difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Of all tensors, each relative to its largest value."""
    assert ours.keys() == theirs.keys()
    pairs = [(ours[name].double(), theirs[name].double()) for name in theirs]
    return max(((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item() for a, b in pairs)


@pytest.mark.usefixtures("_strip")
@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize(
    ("kernel_sizes", "size", "dtype"),
    [
        *((sizes, SMALL, torch.float64) for sizes in [(1, 1, 1), (3, 3, 3), (5, 5, 5), (5, 1, 3)]),
        ((3, 3, 3), FITTING | {"G": 64}, torch.float32),
    ],
)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (13, 5)])
def test_outputs_and_gradients_are_those_of_concatenating(
    block: ConvBlock, kernel_sizes: Sequence[int], size: dict[str, int], dtype: torch.dtype, height: int, width: int
) -> None:
    rdb = make(block, kernel_sizes=kernel_sizes, dtype=dtype, **size)
    x = image(2, height, width, channels=size["G0"], dtype=dtype)
    exact = gradients(literal, x.detach().double().requires_grad_(), copy.deepcopy(rdb).double())
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    ours = gradients(buffered, x, rdb)
    assert largest_difference(ours, exact) < tolerance
    for without_gradients in (torch.no_grad, torch.inference_mode):
        with without_gradients():
            torch.testing.assert_close(rdb(x), ours["output"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("size", [SMALL, FITTING], ids=["any kernels", "compiled kernels"])
def test_under_autocast_gradients_are_as_near_to_the_exact_ones_as_those_of_concatenating(
    block: ConvBlock, size: dict[str, int]
) -> None:
    rdb, x = make(block, **size, dtype=torch.float32), image(3, 11, 9, channels=size["G0"], dtype=torch.float32)

    def cast(compute: Callable[[Tensor, RDB], Tensor], x: Tensor, rdb: RDB) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            output = compute(x, rdb)
        assert compute is literal or output.dtype == torch.bfloat16
        return output.float()

    exact = gradients(literal, x, rdb)
    ours, theirs = (gradients(functools.partial(cast, each), x, rdb) for each in (buffered, literal))
    for name, value in exact.items():
        assert ours[name].dtype == torch.float32
        assert (ours[name] - value).norm() <= 2.5 * (theirs[name] - value).norm() + 1e-6 * value.norm(), name
    with torch.no_grad():
        torch.testing.assert_close(cast(buffered, x, rdb), ours["output"], rtol=2**-6, atol=2**-6)


def test_a_backward_pass_under_autocast_computes_in_the_type_of_the_forward_pass() -> None:
    rdb, x = make(LDWBlock, dtype=torch.float32), image(dtype=torch.float32)
    exact, output = gradients(literal, x, rdb), buffered(x, rdb)
    upstream = torch.linspace(-1, 1, output.numel()).view_as(output)
    with torch.autocast("cpu", torch.bfloat16):
        (ours,) = torch.autograd.grad(output, x, upstream)
    torch.testing.assert_close(ours, exact["x"], rtol=1e-5, atol=1e-5)


def test_an_empty_batch_has_an_output_and_gradients_of_its_size() -> None:
    rdb, x = make(LDWBlock), image(0)
    output = buffered(x, rdb)
    assert output.shape == x.shape
    output.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


def test_layout_of_the_input_does_not_matter_and_it_is_left_as_it_is() -> None:
    rdb, x = make(ALDBlock), image()
    before, exact = x.detach().clone(), literal(x, rdb)
    cropped = torch.nn.functional.pad(x, (1, 2, 3, 4)).detach()[..., 3:-4, 1:-2]
    for same in (x, x.contiguous(memory_format=torch.channels_last), cropped):
        torch.testing.assert_close(buffered(same, rdb), exact, rtol=0, atol=1e-12)
    assert torch.equal(x, before)


@pytest.mark.parametrize("frozen", ["layers", "LFF", "0.depthwise", ""])
def test_frozen_weights_get_no_gradient_and_the_others_theirs(frozen: str) -> None:
    rdb, x = make(ALDBlock), image()
    exact = gradients(literal, x, rdb)
    for name, parameter in rdb.named_parameters():
        parameter.requires_grad_(frozen not in name)
    buffered(x, rdb).backward(torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x))
    for name, parameter in rdb.named_parameters():
        expected = None if frozen in name else exact[name]
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(x.grad, exact["x"], rtol=1e-10, atol=1e-10)


def test_second_derivatives_are_refused() -> None:
    rdb, x = make(LDWBlock), image()
    (first,) = torch.autograd.grad(buffered(x, rdb).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def fitting(block: ConvBlock = LDWBlock) -> tuple[RDB, Tensor]:
    return make(block, **FITTING, dtype=torch.float32), image(channels=32, dtype=torch.float32)


@compiled
@pytest.mark.parametrize("block", SEPARABLE)
def test_an_rdb_of_depthwise_blocks_on_a_cpu_is_computed_without_concatenation(
    block: ConvBlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rdb, x = fitting(block)
    exact = literal(x, rdb)
    monkeypatch.setattr(torch, "cat", lambda *_: pytest.fail("concatenated"))
    torch.testing.assert_close(rdb(x), exact, rtol=1e-5, atol=1e-5)


def test_other_blocks_concatenate() -> None:
    rdb, x = fitting()
    named = nn.ModuleDict({"layer": nn.Conv2d(96, 32, 1)})  # a submodule is no method `layer()`
    with torch.no_grad():
        for other in (StandardBlock(96, 32), BSConvBlock(96, 32), LDWBlock(96, 32, activation="gelu"), named):
            assert find_layers([*list(rdb.layers)[:2], other], x) is None


@compiled
@pytest.mark.parametrize("place", ["layers.1.0", "LFF"])
@pytest.mark.parametrize("hook", ["forward_hook", "forward_pre_hook", "full_backward_hook"])
def test_a_hook_on_any_part_of_an_rdb_is_called(place: str, hook: str) -> None:
    rdb, x = fitting()
    called: list[nn.Module] = []
    part = rdb.get_submodule(place)
    getattr(part, f"register_{hook}")(lambda *args: called.append(args[0]))
    rdb(x).sum().backward()
    assert called == [part]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_recorded_graphs_and_tensors_without_values_concatenate(monkeypatch: pytest.MonkeyPatch) -> None:
    rdb, x = fitting()
    rdb.requires_grad_(False)
    with torch.no_grad():
        assert find_layers(list(rdb.layers), x) is not None
        traced = torch.jit.trace(rdb, image(1, 4, 4, channels=32, dtype=torch.float32).detach())
        torch.testing.assert_close(traced(x), literal(x, rdb), rtol=1e-5, atol=1e-5)  # of another size
        with FakeTensorMode(allow_non_fake_inputs=True):
            fake = torch.empty(1, 32, 4, 4)
            assert find_layers(list(rdb.layers), fake) is None
            assert rdb(fake).shape == fake.shape
        assert find_layers(list(rdb.layers), torch.empty(1, 32, 4, 4, device="meta")) is None
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        assert find_layers(list(rdb.layers), x) is None


def test_without_compiled_kernels_training_concatenates_and_inference_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "load_library", lambda dtype: None)
    rdb, x = fitting()
    assert find_layers(list(rdb.layers), x) is None
    with torch.no_grad():
        assert find_layers(list(rdb.layers), x) is not None
    rdb.requires_grad_(False)
    assert find_layers(list(rdb.layers), x) is None  # the input needs a gradient
    assert find_layers(list(rdb.layers), x.detach()) is not None


@pytest.mark.parametrize("block", SEPARABLE)
def test_one_buffer_of_all_features_is_kept_for_the_backward_pass(block: ConvBlock) -> None:
    rdb, x = make(block), image(2, 13, 11)
    all_features = 2 * 13 * 11 * (6 + 3 * 4)
    assert kept_features(lambda x: buffered(x, rdb), x) == [all_features]
    assert sum(kept_features(lambda x: literal(x, rdb), x)) > 2 * all_features  # what the claim is worth


def test_inference_holds_a_window_of_the_features_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rdb, x, shapes = make(LDWBlock), image(1, 64, 5).detach(), []
    monkeypatch.setattr(module, "STRIP_BYTES", 1)
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *shape, **options: shapes.append(shape) or empty(*shape, **options))
    with torch.no_grad():
        buffered(x, rdb)
    assert shapes == [(1, 1 + 3 + 1, 5, 18)]  # a row, the layers' lags, and what the last of them reads
