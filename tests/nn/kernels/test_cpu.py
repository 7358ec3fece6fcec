"""Depthwise kernels in C, held against torch's convolution in float64, and what happens without a compiler."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from aldsr.nn.description import NetworkError, build
from aldsr.nn.kernels import cpu as depthwise

TYPES = [torch.float32, torch.bfloat16]
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 2**-7, torch.float64: 1e-12}
SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 5), (5, 4), (9, 7)]
BEFORE, AFTER = 32, 5  # channels of the buffer beside the layer's


@pytest.fixture
def _compiled() -> None:
    if not depthwise.compiled(torch.float32):
        pytest.skip("the depthwise kernels could not be compiled; set CC to a C compiler with OpenMP")


@pytest.fixture
def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depthwise, "_library", lambda dtype: None)


@pytest.fixture
def _without_conversion_in_hardware(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The kernels as they are on a processor that knows no bf16."""
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setitem(depthwise.OPTIONS, torch.bfloat16, ["-DBF16", "-U__AVX512BF16__"])
    library = depthwise._library.__wrapped__(torch.bfloat16)
    if library is None:
        pytest.skip("the depthwise kernels could not be compiled by cc")
    monkeypatch.setattr(depthwise, "_library", lambda dtype: library)


compiled = pytest.mark.usefixtures("_compiled")
without_compiler = pytest.mark.usefixtures("_without_compiler")


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def among_others(x: Tensor) -> Tensor:
    """The same numbers as channels of a buffer, whose other channels are NaN."""
    buffer = x.new_full((*x.shape[:-1], BEFORE + x.shape[-1] + AFTER), float("nan"))
    own = buffer[..., BEFORE : BEFORE + x.shape[-1]]
    own.copy_(x)
    return own


def others_of(x: Tensor) -> Tensor:
    """The channels beside those of `among_others`."""
    assert x._base is not None
    return torch.cat((x._base[..., :BEFORE], x._base[..., BEFORE + x.shape[-1] :]), -1)


def literal(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """torch's convolution of a channels-last picture, in float64."""
    x, weight = x.double().permute(0, 3, 1, 2), weight.double()
    bias = None if bias is None else bias.double()
    return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight)).permute(0, 2, 3, 1)


def literal_gradients(x: Tensor, weight: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Those with respect to input and weights, by torch's own backward pass in float64."""
    inputs = x.double().requires_grad_(), weight.double().requires_grad_()
    by_x, by_weight = torch.autograd.grad(literal(*inputs), inputs, grad.double())
    return by_x, by_weight


def close(ours: Tensor, theirs: Tensor, *, dtype: torch.dtype | None = None) -> None:
    """Equal to one rounding of the result's type, or of another."""
    tolerance = ROUNDING[dtype or ours.dtype]
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=tolerance, atol=min(tolerance, 1e-5))


def check_convolve(x: Tensor, weight: Tensor, bias: Tensor, *, rows: slice, relu: bool) -> None:
    result = depthwise.convolve(x, weight, bias, rows=rows, relu=relu)
    expected = literal(x, weight, bias)[:, rows]
    assert result.dtype == x.dtype
    close(result, expected.clamp_min(0) if relu else expected)


# convolve


@compiled
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("channels", [32, 96])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_compiled_convolution_is_torchs(dtype: torch.dtype, relu: bool, channels: int, height: int, width: int) -> None:
    x = among_others(numbers(2, height, width, channels, dtype=dtype))
    weight, bias = numbers(channels, 1, 3, 3, seed=1, dtype=dtype), numbers(channels, seed=2, dtype=dtype)
    assert depthwise.fits(dtype, [weight])
    check_convolve(x, weight, bias, rows=slice(0, height), relu=relu)
    assert others_of(x).isnan().all()


ROWS = [slice(0, 1), slice(0, 6), slice(3, 4), slice(2, 8), slice(5, 11), slice(10, 11), slice(0, 11), slice(4, 4)]


@compiled
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_compiled_convolution_of_some_rows_is_those_rows(dtype: torch.dtype, rows: slice) -> None:
    x = among_others(numbers(2, 11, 6, 64, dtype=dtype))
    weight, bias = numbers(64, 1, 3, 3, seed=1, dtype=dtype), numbers(64, seed=2, dtype=dtype)
    check_convolve(x, weight, bias, rows=rows, relu=False)


@without_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [6, 32])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("rows", [slice(0, 1), slice(1, 4), slice(4, 5), slice(0, 5)], ids=str)
def test_convolution_without_compiler_is_the_same(
    dtype: torch.dtype, channels: int, kernel_size: int, relu: bool, rows: slice
) -> None:
    x = among_others(numbers(2, 5, 4, channels, dtype=dtype))
    weight, bias = numbers(channels, 1, kernel_size, kernel_size, seed=1, dtype=dtype), numbers(channels, dtype=dtype)
    assert not depthwise.fits(dtype, [weight])
    check_convolve(x, weight, bias, rows=rows, relu=relu)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 1), (1, 3)])
def test_convolution_of_pictures_smaller_than_the_kernel(kernel_size: int, height: int, width: int) -> None:
    x, bias = numbers(1, height, width, 6, dtype=torch.float64), numbers(6, dtype=torch.float64)
    weight = numbers(6, 1, kernel_size, kernel_size, seed=1, dtype=torch.float64)
    check_convolve(x, weight, bias, rows=slice(0, height), relu=False)


@pytest.mark.parametrize("dtype", [*TYPES, torch.float64])
def test_result_of_convolution_is_contiguous(dtype: torch.dtype) -> None:
    x = among_others(numbers(2, 5, 4, 32, dtype=dtype))
    result = depthwise.convolve(x, numbers(32, 1, 3, 3, dtype=dtype), numbers(32, dtype=dtype), rows=slice(1, 4))
    assert result.shape == (2, 3, 4, 32)
    assert result.is_contiguous()


@compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_pictures_between_others_in_a_batch_are_read_in_place(dtype: torch.dtype) -> None:
    x = among_others(numbers(5, 8, 9, 32, dtype=dtype))[1::2, 2:7, 1:8:2]
    weight, bias = numbers(32, 1, 3, 3, seed=1, dtype=dtype), numbers(32, seed=2, dtype=dtype)
    check_convolve(x, weight, bias, rows=slice(0, 5), relu=False)


@compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_in_the_input_comes_out_of_every_pixel_that_sees_it_and_of_no_other(dtype: torch.dtype) -> None:
    x = numbers(1, 5, 6, 64, dtype=dtype)
    x[0, 1, 2, 40] = float("nan")
    result = depthwise.convolve(x, numbers(64, 1, 3, 3, dtype=dtype), numbers(64, dtype=dtype), rows=slice(0, 5))
    seeing = torch.zeros(1, 5, 6, 64, dtype=torch.bool)
    seeing[0, 0:3, 1:4, 40] = True
    assert torch.equal(result.isnan(), seeing)


@compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_goes_through_the_hasty_relu_as_through_torchs(dtype: torch.dtype) -> None:
    x = numbers(1, 3, 3, 32, dtype=dtype)
    x[0, 1, 1] = float("nan")
    weight, bias = numbers(32, 1, 3, 3, dtype=dtype), numbers(32, dtype=dtype)
    assert depthwise.convolve(x, weight, bias, rows=slice(0, 3), relu=True).isnan().all()


@pytest.mark.usefixtures("_without_conversion_in_hardware")
def test_rounding_to_bf16_in_software_is_to_the_nearest_even() -> None:
    x = numbers(1, 4, 5, 32, dtype=torch.bfloat16)
    x[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -float("inf"), 0])
    weight = torch.zeros(32, 1, 3, 3, dtype=torch.bfloat16)
    weight[:, 0, 1, 1] = 1 + 2**-7  # x times it lies between two numbers, often halfway
    result = depthwise.convolve(x[:, :1, :1], weight, torch.zeros(32, dtype=torch.bfloat16), rows=slice(0, 1))
    exact = x[:, :1, :1].float() * (1 + 2**-7)
    assert torch.equal(result[..., 4:], exact.bfloat16()[..., 4:])
    assert result[0, 0, 0, 0].isnan()
    check_convolve(x[:, 1:], weight, numbers(32, dtype=torch.bfloat16), rows=slice(0, 3), relu=False)


# add_gradients


@compiled
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("channels", [32, 96])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_compiled_gradients_are_torchs(
    dtype: torch.dtype, threads: int, channels: int, height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    check_gradients(dtype, channels, height, width, kernel_size=3, exact=torch.float32)


@without_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [6, 32])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_gradients_without_compiler_are_the_same(dtype: torch.dtype, channels: int, kernel_size: int) -> None:
    check_gradients(dtype, channels, 5, 4, kernel_size=kernel_size, exact=dtype)


def check_gradients(
    dtype: torch.dtype, channels: int, height: int, width: int, *, kernel_size: int, exact: torch.dtype
) -> None:
    """Added to what was there, in the layer's channels alone. Sums are kept in `exact`, whatever the pictures' type."""
    weight = numbers(channels, 1, kernel_size, kernel_size, dtype=dtype)
    x, grad, before = (numbers(2, height, width, channels, seed=seed, dtype=dtype) for seed in (1, 2, 3))
    total, sums = among_others(before), weight.to(exact, copy=True)
    depthwise.add_gradients(total, sums, among_others(x), grad, weight)
    by_input, by_weight = literal_gradients(x, weight, grad)
    close(total, before.double() + by_input)
    close(sums, weight.double() + by_weight, dtype=exact)
    assert others_of(total).isnan().all()


@compiled
def test_threads_add_in_the_same_order_every_time() -> None:
    x, grad, weight = numbers(3, 9, 7, 64), numbers(3, 9, 7, 64, seed=1), numbers(64, 1, 3, 3, seed=2)
    results = []
    for _ in range(20):
        sums = torch.zeros_like(weight)
        depthwise.add_gradients(torch.zeros_like(x), sums, x, grad, weight)
        results.append(sums)
    assert all(torch.equal(each, results[0]) for each in results)


# relu_gradient


@pytest.fixture(params=["compiled", "without compiler"])
def _either_way(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("_compiled" if request.param == "compiled" else "_without_compiler")


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("dtype", [*TYPES, torch.float64])
@pytest.mark.parametrize("channels", [6, 32, 64])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (5, 4)])
def test_gradient_before_a_relu_is_that_after_it_where_the_result_is_positive(
    dtype: torch.dtype, channels: int, height: int, width: int
) -> None:
    grad = numbers(2, height, width, channels, dtype=dtype)
    result = numbers(2, height, width, channels, seed=1, dtype=dtype).clamp_min(0)
    before, total = depthwise.relu_gradient(among_others(grad), among_others(result), torch.float64)
    expected = torch.where(result > 0, grad, 0).flatten(0, 2)
    assert torch.equal(before, expected)
    assert before.is_contiguous()
    assert total.dtype == torch.float64
    close(total, expected.double().sum(0), dtype=torch.float64 if dtype == torch.float64 else torch.float32)


# with_halo


@pytest.mark.parametrize("halo", [0, 1, 2])
@pytest.mark.parametrize("height", [1, 2, 6])
def test_rows_come_with_their_halo_and_zeros_beyond_the_picture(halo: int, height: int) -> None:
    x = among_others(numbers(2, height, 3, 4))
    padded = F.pad(x, (0, 0, 0, 0, halo, halo))
    for start in range(height):
        for stop in range(start + 1, height + 1):
            seen = depthwise.with_halo(x, slice(start, stop), halo)
            assert torch.equal(seen, padded[:, start : stop + 2 * halo])
            assert seen.is_contiguous()


# fits, compiled


@compiled
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("shape", "fitting"),
    [((32, 1, 3, 3), True), ((96, 1, 3, 3), True), ((6, 1, 3, 3), False), ((32, 1, 5, 5), False)],
)
def test_kernels_serve_3x3_filters_of_multiples_of_32_channels(
    dtype: torch.dtype, shape: tuple[int, ...], fitting: bool
) -> None:
    assert depthwise.fits(dtype, [torch.empty(shape)]) is fitting
    assert depthwise.fits(dtype, [torch.empty(64, 1, 3, 3), torch.empty(shape)]) is fitting


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int32])
def test_there_are_no_kernels_for_other_types(dtype: torch.dtype) -> None:
    assert not depthwise.compiled(dtype)
    assert not depthwise.fits(dtype, [torch.empty(32, 1, 3, 3)])


@without_compiler
@pytest.mark.parametrize("dtype", TYPES)
def test_without_compiler_nothing_is_compiled_and_nothing_fits(dtype: torch.dtype) -> None:
    assert not depthwise.compiled(dtype)
    assert not depthwise.fits(dtype, [torch.empty(32, 1, 3, 3)])


# compiling


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where compiled kernels are kept: empty."""
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    return tmp_path


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("compiler", ["/nonexistent", "false", ""])
@pytest.mark.parametrize("dtype", TYPES)
def test_compiler_that_is_absent_or_fails_gives_no_kernels_and_leaves_no_file(
    compiler: str, dtype: torch.dtype, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", compiler)
    assert depthwise._library.__wrapped__(dtype) is None
    assert files(folder) == []


def test_folder_that_cannot_be_made_gives_no_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "file"))
    assert depthwise._library.__wrapped__(torch.float32) is None


@compiled
def test_library_is_built_once_for_each_recipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["cc", "-O0", "-fPIC"]
    library = depthwise._built(command)
    assert files(folder) == [library]
    assert library.suffix == ".so"
    written = library.stat().st_mtime_ns
    assert depthwise._built(command) == library
    assert library.stat().st_mtime_ns == written
    monkeypatch.setattr(depthwise, "_processor", lambda: "another")
    other = depthwise._built(command)
    assert sorted(files(folder)) == sorted([library, other])


@compiled
@pytest.mark.parametrize("dtype", TYPES)
def test_fresh_build_leaves_one_library_with_all_functions(dtype: torch.dtype, folder: Path) -> None:
    library = depthwise._library.__wrapped__(dtype)
    assert all(hasattr(library, name) for name in ("convolve", "gradients", "relu_gradient"))
    assert [path.suffix for path in files(folder)] == [".so"]


def test_processor_is_named_where_proc_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(self: Path, *args: object, **options: object) -> str:
        raise FileNotFoundError(self)

    named = depthwise._processor()
    assert "\n" not in named
    monkeypatch.setattr(Path, "read_text", absent)
    assert depthwise._processor() == torch.backends.cpu.get_cpu_capability()


def test_a_strangers_description_does_not_reach_the_compiler(folder: Path) -> None:
    victim = folder / "executed"
    with pytest.raises(NetworkError, match="no network, block or descriptor"):
        build({"_target_": "aldsr.nn.kernels.cpu._built", "command": ["sh", "-c", f"touch {victim}"]})
    assert not victim.exists()
