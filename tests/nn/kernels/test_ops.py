"""The kernels, compiled and torch's own, compared with torch's convolution in float64; compiling them."""

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.nn.kernels import cpu, ops

TYPES = [torch.float32, torch.bfloat16]
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 2**-7, torch.float64: 1e-12}
BEFORE, AFTER = 32, 5  # channels of the buffer beside the layer's

compiled = pytest.mark.usefixtures("compiled")


@pytest.fixture
def _way(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def among_others(x: Tensor) -> Tensor:
    """The same numbers as channels of a buffer, whose other channels are NaN."""
    buffer = x.new_full((*x.shape[:-1], BEFORE + x.shape[-1] + AFTER), float("nan"))
    own = buffer[..., BEFORE : BEFORE + x.shape[-1]]
    own.copy_(x)
    return own


def others_are_untouched(x: Tensor) -> bool:
    """Whether the channels beside those of `among_others` are NaN still."""
    assert x._base is not None
    return bool(torch.cat((x._base[..., :BEFORE], x._base[..., BEFORE + x.shape[-1] :]), -1).isnan().all())


def literal(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """torch's convolution of channels-last images, in float64."""
    x, weight = x.double().permute(0, 3, 1, 2), weight.double()
    bias = None if bias is None else bias.double()
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight)).permute(0, 2, 3, 1)


def close(ours: Tensor, theirs: Tensor, *, dtype: torch.dtype | None = None) -> None:
    """Equal to one rounding of the result's type, or of another."""
    tolerance = ROUNDING[dtype or ours.dtype]
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=tolerance, atol=min(tolerance, 1e-5))


def check_conv(x: Tensor, *, rows: slice, kernel_size: int = 3) -> None:
    channels = x.shape[-1]
    weight = numbers(channels, 1, kernel_size, kernel_size, seed=1, dtype=x.dtype)
    bias = numbers(channels, seed=2, dtype=x.dtype)
    expected = literal(x, weight, bias)[:, rows]
    for relu in (False, True):
        result = ops.depthwise_conv(x, weight, bias, rows=rows, relu=relu)
        assert result.dtype == x.dtype
        assert result.is_contiguous()
        close(result, expected.clamp_min(0) if relu else expected)


def check_gradients(x: Tensor, *, kernel_size: int) -> None:
    """Added to what was there, in the layer's channels alone."""
    exact = torch.promote_types(x.dtype, torch.float32)  # of the sums, whatever the images' type
    weight = numbers(x.shape[-1], 1, kernel_size, kernel_size, dtype=x.dtype)
    grad, before = (numbers(*x.shape, seed=seed, dtype=x.dtype) for seed in (2, 3))
    grad_x, grad_weight = among_others(before), weight.to(exact, copy=True)
    ops.add_depthwise_gradients(grad_x, grad_weight, x, grad, weight)
    inputs = x.double().requires_grad_(), weight.double().requires_grad_()
    by_x, by_weight = torch.autograd.grad(literal(*inputs), inputs, grad.double())
    close(grad_x, before.double() + by_x)
    close(grad_weight, weight.double() + by_weight, dtype=exact)
    assert others_are_untouched(grad_x)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    ("_way", "dtype", "channels", "kernel_size"),
    [
        *product(["compiled"], TYPES, (32, 96), (3,)),
        *product(["without_compiler"], (torch.float32, torch.float64), (6, 32), (1, 3, 5)),
    ],
    indirect=["_way"],
)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (3, 5), (9, 7)], ids=str)
def test_convolution_and_its_gradients_are_torchs(
    dtype: torch.dtype, channels: int, kernel_size: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    x, height = among_others(numbers(2, *size, channels, seed=1, dtype=dtype)), size[0]
    for threads in (1, 2, 5):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        for rows in (slice(0, height), slice(0, 1), slice(height // 2, height)):
            check_conv(x, rows=rows, kernel_size=kernel_size)
        check_gradients(x, kernel_size=kernel_size)
    assert others_are_untouched(x)


@compiled
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rows", [slice(0, 6), slice(2, 8), slice(10, 11), slice(4, 4)], ids=str)
def test_images_with_gaps_between_their_pixels_are_read_in_place(dtype: torch.dtype, rows: slice) -> None:
    check_conv(numbers(5, 15, 13, 64, dtype=dtype)[1::2, 2:13, 1:12:2], rows=rows)


@compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_reaches_every_pixel_that_depends_on_it_and_no_other(dtype: torch.dtype) -> None:
    x, weight, bias = numbers(1, 5, 6, 64, dtype=dtype), numbers(64, 1, 3, 3, dtype=dtype), numbers(64, dtype=dtype)
    x[0, 1, 2, 40] = float("nan")
    expected = torch.zeros(1, 5, 6, 64, dtype=torch.bool)
    expected[0, 0:3, 1:4, 40] = True
    for relu in (False, True):
        result = ops.depthwise_conv(x, weight, bias, rows=slice(0, 5), relu=relu)
        assert torch.equal(result.isnan(), expected)


def test_rounding_to_bf16_in_software_is_to_the_nearest_even(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernels as they are on a processor that knows no bf16."""
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setitem(cpu.FLAGS, torch.bfloat16, ["-DBF16", "-U__AVX512BF16__"])
    if (library := cpu.load_library.__wrapped__(torch.bfloat16)) is None:
        pytest.skip("the kernels could not be compiled by cc")
    monkeypatch.setattr(cpu, "load_library", lambda dtype: library)
    x = numbers(1, 4, 5, 32, dtype=torch.bfloat16)
    x[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), 0])
    weight = torch.zeros(32, 1, 3, 3, dtype=torch.bfloat16)
    weight[:, 0, 1, 1] = 1 + 2**-7  # x times it lies between two numbers, often halfway
    result = ops.depthwise_conv(x[:, :1, :1], weight, torch.zeros(32, dtype=torch.bfloat16), rows=slice(0, 1))
    exact = x[:, :1, :1].float() * (1 + 2**-7)
    assert torch.equal(result[..., 4:], exact.bfloat16()[..., 4:])
    assert result[0, 0, 0, 0].isnan()
    check_conv(x[:, 1:], rows=slice(0, 3))


@compiled
def test_threads_add_in_the_same_order_every_time() -> None:
    x, grad, weight = numbers(3, 9, 7, 64), numbers(3, 9, 7, 64, seed=1), numbers(64, 1, 3, 3, seed=2)
    results = []
    for _ in range(20):
        results.append(torch.zeros_like(weight))
        ops.add_depthwise_gradients(torch.zeros_like(x), results[-1], x, grad, weight)
    assert all(torch.equal(each, results[0]) for each in results)


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("_way", ["compiled", "without_compiler"], indirect=True)
@pytest.mark.parametrize("dtype", [*TYPES, torch.float64])
@pytest.mark.parametrize("channels", [6, 64])
def test_relu_backward_passes_the_gradient_where_the_result_is_positive(dtype: torch.dtype, channels: int) -> None:
    grad = numbers(2, 5, 4, channels, dtype=dtype)
    result = numbers(2, 5, 4, channels, seed=1, dtype=dtype).clamp_min(0)
    before, total = ops.relu_backward(among_others(grad), among_others(result), torch.float64)
    expected = torch.where(result > 0, grad, 0).flatten(0, 2)
    assert torch.equal(before, expected)
    assert before.is_contiguous()
    close(total, expected.double().sum(0), dtype=torch.float64 if dtype == torch.float64 else torch.float32)


@compiled
def test_kernels_are_for_3x3_filters_of_multiples_of_32_channels() -> None:
    for dtype in TYPES:
        assert cpu.supports(dtype, [torch.empty(64, 1, 3, 3), torch.empty(96, 1, 3, 3)])
        for other in ((6, 1, 3, 3), (32, 1, 5, 5)):
            assert not cpu.supports(dtype, [torch.empty(64, 1, 3, 3), torch.empty(other)])
    assert not cpu.is_available(torch.float16)


def test_a_compiler_or_folder_that_fails_gives_no_kernels_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for compiler, folder in (("/nonexistent", ""), ("false", ""), ("", ""), ("cc", "file")):
        monkeypatch.setenv("CC", compiler)
        monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / folder))
        assert cpu.load_library.__wrapped__(torch.float32) is None
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


@compiled
def test_a_library_is_compiled_once_for_each_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    library = cpu.compile_library(["cc", "-O0", "-fPIC"])
    written = library.stat().st_mtime_ns
    assert cpu.compile_library(["cc", "-O0", "-fPIC"]) == library
    assert library.stat().st_mtime_ns == written
    monkeypatch.setattr(cpu, "processor", lambda: "another")
    another = cpu.compile_library(["cc", "-O0", "-fPIC"])
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {library, another}
    assert another != library
