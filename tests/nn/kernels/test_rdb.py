"""The RDB without copies, held against the RDB that concatenates, written out."""

import copy
import functools
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from aldsr.nn import RDB, ALDBlock, ConvBlock, DWBlock, LDWBlock, Separable, StandardBlock
from aldsr.nn.kernels import cpu as depthwise
from aldsr.nn.kernels import rdb as buffered

SEPARABLE = [DWBlock, LDWBlock, ALDBlock]
STRIPS = [1, 5000, 10**9]  # bytes: a row at a time, a few rows, all images at once
SMALL: dict[str, Any] = {"C": 3, "G": 4, "G0": 6}
FITTING: dict[str, Any] = {"C": 3, "G": 32, "G0": 32}  # what the compiled kernels serve


@pytest.fixture
def _compiled() -> None:
    if not depthwise.compiled(torch.float32):
        pytest.skip("the depthwise kernels could not be compiled; set CC to a C compiler with OpenMP")


@pytest.fixture
def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "fits", lambda dtype, weights: False)


@pytest.fixture(params=STRIPS)
def _strip(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered, "STRIP", request.param)


compiled = pytest.mark.usefixtures("_compiled")
in_strips = pytest.mark.usefixtures("_strip")


def make(block: ConvBlock, *, kernel_size: int = 3, dtype: torch.dtype = torch.float64, **size: int) -> RDB:
    """An RDB whose features stay of the input's size, attention and biases included."""
    torch.manual_seed(0)
    rdb = RDB(**(size or SMALL), conv=functools.partial(block, kernel_size=kernel_size)).to(dtype)  # type: ignore[arg-type]
    for name, parameter in rdb.named_parameters():
        if "attention" in name or name.endswith("bias"):
            nn.init.normal_(parameter, std=0.5)
    return rdb


def picture(
    batch: int = 2, height: int = 7, width: int = 5, *, channels: int = 6, dtype: torch.dtype = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)
    return x.to(dtype).requires_grad_()


def without_copies(x: Tensor, rdb: RDB) -> Tensor:
    """What is tested, whether or not RDB itself would choose it."""
    layers = [block.layer() for block in rdb.layers]  # type: ignore[operator]
    assert rdb.LFF.bias is not None
    return buffered.rdb(x, layers, rdb.LFF.weight, rdb.LFF.bias)


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


def relative(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> dict[str, float]:
    """The largest difference of each tensor, over its largest value."""
    assert ours.keys() == theirs.keys()
    pairs = {name: (ours[name].double(), theirs[name].double()) for name in theirs}
    return {name: ((a - b).abs().max() / b.abs().max().clamp_min(1e-30)).item() for name, (a, b) in pairs.items()}


# strips


@pytest.mark.parametrize("height", [1, 2, 7, 16])
@pytest.mark.parametrize("rows", [1, 3, 16, 100])
@pytest.mark.parametrize("halos", [[0], [1], [1, 1, 1], [0, 0], [2, 0, 1], [2, 2, 2, 2]], ids=str)
def test_strips_compute_every_row_once_and_after_all_that_it_reads(
    height: int, rows: int, halos: Sequence[int]
) -> None:
    seen = [0, *halos, 0]  # rows above and below that each place reads of all the places before it
    done = [0] * len(seen)
    for band in buffered.strips(height, rows, halos):
        for place, strip in band:
            assert strip.start == done[place] < strip.stop <= height
            needed = min(height, strip.stop + seen[place])
            assert all(before >= needed for before in done[:place])
            done[place] = strip.stop
    assert done == [height] * len(seen)


def test_strips_of_places_follow_one_another_closely() -> None:
    halos = [1, 2, 0, 1]
    lags = [0, *accumulate(halos), sum(halos)]
    for number, band in enumerate(buffered.strips(40, 5, halos), start=1):
        if band[0][1].stop < 40:
            assert [strip.stop for _, strip in band] == [5 * number - lag for lag in lags if 5 * number > lag]


# outputs and gradients


@in_strips
@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (13, 5)])
def test_outputs_and_gradients_are_those_of_concatenating(
    block: ConvBlock, kernel_size: int, height: int, width: int
) -> None:
    rdb, x = make(block, kernel_size=kernel_size), picture(2, height, width)
    theirs = gradients(literal, x, rdb)
    assert all(difference < 1e-10 for difference in relative(gradients(without_copies, x, rdb), theirs).values())


@compiled
@in_strips
@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("growth", [32, 64])
def test_compiled_outputs_and_gradients_are_those_of_concatenating(block: ConvBlock, growth: int) -> None:
    rdb = make(block, **FITTING | {"G": growth}, dtype=torch.float32)
    x = picture(3, 11, 9, channels=32, dtype=torch.float32)
    exact = gradients(literal, x.detach().double().requires_grad_(), copy.deepcopy(rdb).double())
    assert all(difference < 1e-5 for difference in relative(gradients(without_copies, x, rdb), exact).values())


@compiled
def test_growth_of_the_last_layer_need_not_fit_the_kernels() -> None:
    size = {"C": 1, "G": 5, "G0": 32}
    rdb, x = make(LDWBlock, **size, dtype=torch.float32), picture(channels=32, dtype=torch.float32)
    assert buffered.layers_of(list(rdb.layers), x) is not None
    differences = relative(gradients(without_copies, x, rdb), gradients(literal, x, rdb))
    assert all(difference < 1e-5 for difference in differences.values())


@in_strips
@pytest.mark.parametrize("hasty", [False, True])
def test_gradients_are_those_of_finite_differences(hasty: bool) -> None:
    rdb = make(DWBlock if hasty else LDWBlock, C=2, G=2, G0=2)
    flat = [tensor.detach().requires_grad_() for block in rdb.layers for tensor in block.layer()[:4]]  # type: ignore[operator]

    def compute(x: Tensor, weight: Tensor, bias: Tensor, *flat: Tensor) -> Tensor:
        return buffered._RDB.apply(x, weight, bias, [hasty] * 2, *flat)

    assert torch.autograd.gradcheck(compute, (picture(2, 3, 2, channels=2), *rdb.LFF.parameters(), *flat))


@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("size", [SMALL, FITTING], ids=["any kernels", "compiled kernels"])
def test_gradients_under_autocast_are_near_those_of_float32(block: ConvBlock, size: dict[str, int]) -> None:
    rdb, x = make(block, **size, dtype=torch.float32), picture(channels=size["G0"], dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        output = without_copies(x, rdb)
    assert output.dtype == torch.bfloat16
    names, inputs = zip(("x", x), *rdb.named_parameters(), strict=True)
    upstream = torch.linspace(-1, 1, output.numel()).view_as(output)
    found = torch.autograd.grad(output, inputs, upstream.bfloat16(), materialize_grads=True)
    assert {gradient.dtype for gradient in found} == {torch.float32}
    exact = gradients(literal, x, rdb)
    for name, ours in zip(("output", *names), (output.detach(), *found), strict=True):
        assert (ours - exact[name]).norm() <= (0.02 if name == "output" else 0.15) * exact[name].norm(), name


@pytest.mark.parametrize("block", SEPARABLE)
def test_gradients_under_autocast_are_as_near_as_those_of_concatenating(block: ConvBlock) -> None:
    rdb, x = make(block, **FITTING, dtype=torch.float32), picture(3, 11, 9, channels=32, dtype=torch.float32)

    def cast(compute: Callable[[Tensor, RDB], Tensor], x: Tensor, rdb: RDB) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return compute(x, rdb).float()

    exact = gradients(literal, x, rdb)
    ours, theirs = (gradients(functools.partial(cast, each), x, rdb) for each in (without_copies, literal))
    for name, value in exact.items():
        assert (ours[name] - value).norm() <= 2 * (theirs[name] - value).norm() + 1e-6 * value.norm(), name


def test_backward_pass_under_autocast_computes_in_the_type_of_the_forward_pass() -> None:
    rdb, x = make(LDWBlock, dtype=torch.float32), picture(dtype=torch.float32)
    exact, output = gradients(literal, x, rdb), without_copies(x, rdb)
    upstream = torch.linspace(-1, 1, output.numel()).view_as(output)
    with torch.autocast("cpu", torch.bfloat16):
        (ours,) = torch.autograd.grad(output, x, upstream)
    torch.testing.assert_close(ours, exact["x"], rtol=1e-5, atol=1e-5)


@in_strips
@pytest.mark.parametrize("block", SEPARABLE)
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (24, 5)])
def test_inference_gives_the_output_of_training(block: ConvBlock, kernel_size: int, height: int, width: int) -> None:
    rdb, x = make(block, kernel_size=kernel_size), picture(2, height, width)
    training = without_copies(x, rdb)
    assert training.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(without_copies(x, rdb), training, rtol=0, atol=1e-12)
    with torch.inference_mode():
        torch.testing.assert_close(rdb(x), training, rtol=0, atol=1e-12)


@compiled
@in_strips
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_compiled_inference_gives_the_output_of_training(dtype: torch.dtype) -> None:
    rdb, x = make(ALDBlock, **FITTING, dtype=torch.float32), picture(2, 24, 5, channels=32, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        training = rdb(x)
        with torch.no_grad():
            inference = rdb(x)
    assert training.dtype == inference.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 2**-6
    torch.testing.assert_close(inference, training, rtol=tolerance, atol=tolerance)


@in_strips
def test_images_of_a_batch_do_not_see_one_another() -> None:
    rdb, x = make(ALDBlock), picture(5)
    together = gradients(without_copies, x, rdb)
    alone = torch.cat([without_copies(x[i : i + 1], rdb) for i in range(5)])
    torch.testing.assert_close(together["output"], alone, rtol=0, atol=1e-12)
    with torch.no_grad():
        alone = torch.cat([without_copies(x[i : i + 1], rdb) for i in range(5)])
    torch.testing.assert_close(together["output"], alone, rtol=0, atol=1e-12)


def test_batch_of_none_has_an_output_and_gradients_of_its_size() -> None:
    rdb, x = make(LDWBlock), picture(0)
    output = without_copies(x, rdb)
    assert output.shape == x.shape
    output.sum().backward()
    assert x.grad is not None
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_layout_of_the_input_does_not_matter(layout: torch.memory_format) -> None:
    rdb, x = make(ALDBlock), picture()
    again = x.detach().clone(memory_format=layout).requires_grad_()
    assert relative(gradients(without_copies, again, rdb), gradients(literal, x, rdb))["x"] < 1e-12
    cropped = torch.nn.functional.pad(x, (1, 2, 3, 4)).detach()[..., 3:-4, 1:-2]
    torch.testing.assert_close(without_copies(cropped, rdb), literal(x, rdb), rtol=0, atol=1e-12)


def test_input_is_left_as_it_is() -> None:
    rdb, x = make(ALDBlock), picture()
    before = x.detach().clone()
    gradients(without_copies, x, rdb)
    assert torch.equal(x, before)


# frozen weights


@pytest.mark.parametrize("frozen", ["layers", "LFF", "layers.1", "0.depthwise", "pointwise"])
def test_frozen_weights_get_no_gradient_and_the_others_theirs(frozen: str) -> None:
    rdb, x = make(ALDBlock), picture()
    exact = gradients(literal, x, rdb)
    for name, parameter in rdb.named_parameters():
        parameter.requires_grad_(frozen not in name)
    upstream = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
    without_copies(x, rdb).backward(upstream)
    for name, parameter in rdb.named_parameters():
        if frozen in name:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, exact[name], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(x.grad, exact["x"], rtol=1e-10, atol=1e-10)


def test_input_gets_its_gradient_through_frozen_weights() -> None:
    rdb, x = make(LDWBlock).requires_grad_(False), picture()
    upstream = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
    grads = [torch.autograd.grad(compute(x, rdb), x, upstream)[0] for compute in (without_copies, literal)]
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-10)
    assert not without_copies(x.detach(), rdb).requires_grad


def test_second_derivatives_are_refused() -> None:
    rdb, x = make(LDWBlock), picture()
    (first,) = torch.autograd.grad(without_copies(x, rdb).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


# layers_of


def blocks_of(block: ConvBlock) -> list[nn.Module]:
    return list(make(block, **FITTING, dtype=torch.float32).layers)


def fitting() -> Tensor:
    return picture(channels=32, dtype=torch.float32)


@compiled
@pytest.mark.parametrize("block", SEPARABLE)
def test_depthwise_blocks_on_a_cpu_go_without_copies(block: ConvBlock) -> None:
    layers = buffered.layers_of(blocks_of(block), fitting())
    assert layers is not None
    assert [layer.growth for layer in layers] == [32] * 3
    assert all(isinstance(layer, Separable) for layer in layers)


def test_dense_blocks_concatenate() -> None:
    assert buffered.layers_of(blocks_of(StandardBlock), fitting()) is None
    mixed = [*blocks_of(LDWBlock)[:2], *blocks_of(StandardBlock)[2:]]
    with torch.no_grad():
        assert buffered.layers_of(mixed, fitting()) is None


def test_blocks_without_a_layer_concatenate() -> None:
    with torch.no_grad():
        assert buffered.layers_of([*blocks_of(LDWBlock)[:2], nn.Conv2d(96, 32, 1)], fitting()) is None


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hook_on_a_block_is_called(register: str) -> None:
    rdb, called = make(LDWBlock, **FITTING, dtype=torch.float32), []
    getattr(rdb.layers[1], register)(lambda *args: called.append(args[0]))
    with torch.no_grad():
        assert buffered.layers_of(list(rdb.layers), fitting()) is None
        rdb(fitting())
    assert called == [rdb.layers[1]]


@compiled
@pytest.mark.parametrize("place", ["layers.1", "layers.1.0", "LFF"])
def test_hook_on_any_part_of_an_rdb_is_called(place: str) -> None:
    rdb, called = make(LDWBlock, **FITTING, dtype=torch.float32), []
    rdb.get_submodule(place).register_full_backward_hook(lambda *args: called.append(place))
    rdb(fitting()).sum().backward()
    assert called == [place]


@compiled
def test_block_with_a_part_named_layer_concatenates() -> None:
    class Users(nn.Module):
        def __init__(self, in_channels: int, out_channels: int) -> None:
            super().__init__()
            self.layer = nn.Conv2d(in_channels, out_channels, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x).relu()

    RDB(**SMALL, conv=Users)(picture(dtype=torch.float32))


def test_a_graph_that_is_compiled_concatenates(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, x = blocks_of(LDWBlock), fitting().detach()
    with torch.no_grad():
        assert buffered.layers_of(blocks, x) is not None
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        assert buffered.layers_of(blocks, x) is None


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_traced_rdb_works_for_pictures_of_other_sizes() -> None:
    rdb = make(ALDBlock).eval().requires_grad_(False)
    with torch.no_grad():
        traced = torch.jit.trace(rdb, picture(1, 4, 4).detach())
        x = picture(2, 9, 6).detach()
        torch.testing.assert_close(traced(x), literal(x, rdb), rtol=0, atol=1e-12)


def test_tensor_without_values_concatenates() -> None:
    rdb = make(LDWBlock, **FITTING, dtype=torch.float32)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        x = torch.empty(1, 32, 4, 4)
        assert x.is_cpu
        assert buffered.layers_of(list(rdb.layers), x) is None
        assert rdb(x).shape == x.shape
    assert buffered.layers_of(list(rdb.layers), torch.empty(1, 32, 4, 4, device="meta")) is None


@pytest.mark.usefixtures("_without_compiler")
def test_without_compiled_kernels_training_concatenates_and_inference_does_not() -> None:
    blocks, x = blocks_of(LDWBlock), fitting()
    assert buffered.layers_of(blocks, x) is None
    with torch.no_grad():
        assert buffered.layers_of(blocks, x) is not None
    for block in blocks:
        block.requires_grad_(False)
    assert buffered.layers_of(blocks, x) is None  # the input wants a gradient
    assert buffered.layers_of(blocks, x.detach()) is not None


@compiled
@pytest.mark.parametrize(("size", "kernel_size"), [(SMALL, 3), (FITTING, 5)])
def test_channels_and_filters_that_the_kernels_do_not_serve_concatenate_in_training(
    size: dict[str, int], kernel_size: int
) -> None:
    rdb = make(LDWBlock, **size, kernel_size=kernel_size, dtype=torch.float32)
    assert buffered.layers_of(list(rdb.layers), picture(channels=size["G0"], dtype=torch.float32)) is None


@compiled
def test_rdb_itself_goes_without_copies_where_it_can() -> None:
    rdb, x = make(ALDBlock, **FITTING, dtype=torch.float32), fitting()
    assert type(rdb(x).grad_fn).__name__ == "_RDBBackward"
    torch.testing.assert_close(rdb(x), literal(x, rdb), rtol=1e-5, atol=1e-5)


# memory


def kept(compute: Callable[[Tensor, RDB], Tensor], x: Tensor, rdb: RDB) -> list[int]:
    """Numbers in each distinct tensor that autograd keeps for the backward pass, what comes of weights alone aside."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.numel() >= x[:, 0].numel():  # any feature map is larger than any weight here
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        return tensor

    assert all(parameter.numel() < x[:, 0].numel() for parameter in rdb.parameters())
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        output = compute(x, rdb)
    assert output.requires_grad
    return list(sizes.values())


@pytest.mark.parametrize("block", SEPARABLE)
def test_one_buffer_of_all_features_is_kept_for_the_backward_pass(block: ConvBlock) -> None:
    rdb, x = make(block), picture(2, 13, 11)
    all_features = 2 * 13 * 11 * (6 + 3 * 4)
    assert kept(without_copies, x, rdb) == [all_features]
    assert sum(kept(literal, x, rdb)) > 2 * all_features  # what the claim is worth


def test_inference_holds_a_window_of_the_features_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rdb, x, made = make(LDWBlock), picture(1, 64, 5).detach(), []
    monkeypatch.setattr(buffered, "STRIP", 1)
    window = buffered._Strips.__init__

    def watched(self: Any, *args: Any) -> None:
        window(self, *args)
        made.append(self.buffer.shape[1])

    monkeypatch.setattr(buffered._Strips, "__init__", watched)
    with torch.no_grad():
        without_copies(x, rdb)
    assert made == [1 + 3 + 1]  # a row, the layers' lags, and what the last of them looks at
