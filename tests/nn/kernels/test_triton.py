"""The RDB in Triton, compared with the RDB that concatenates: in Triton's interpreter, or with a GPU on that."""

import copy
import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, library
from torch._subclasses import FakeTensorMode

from aldsr.core.errors import OptionError
from aldsr.nn import RDB, ALDBlock, BSConvBlock, ConvBlock, DWBlock, LDWBlock, StandardBlock
from aldsr.nn.kernels import choice
from aldsr.nn.kernels.buffered_rdb import find_layers
from tests.nn.conftest import kept_features
from tests.nn.kernels.test_buffered_rdb import gradients, image, literal, make

BLOCKS = [StandardBlock, DWBlock, LDWBlock, ALDBlock, BSConvBlock]
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
SIZES = [  # C, G, G0; height, width
    ({"C": 3, "G": 4, "G0": 6}, 1, 1),
    ({"C": 2, "G": 17, "G0": 35}, 5, 7),
    ({"C": 1, "G": 64, "G0": 64}, 3, 9),
    *[({"C": 2, "G": 70, "G0": 130}, 13, 31), ({"C": 8, "G": 64, "G0": 64}, 48, 48)] * GPU,
]

pytestmark = [pytest.mark.gpu] * GPU  # all of them are tests of a GPU where there is one

# The interpreter of older releases fails with NumPy from 2.4 on.
pytest.importorskip("triton", minversion=None if GPU else "3.7", exc_type=ImportError)
triton: Any = pytest.importorskip("aldsr.nn.kernels.triton", exc_type=ImportError)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 without TF32, which torch's convolutions take by default."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def ours(x: Tensor, rdb: RDB) -> Tensor:
    assert rdb.LFF.bias is not None
    return triton.buffered_rdb(x, [block.layer() for block in rdb.layers], rdb.LFF.weight, rdb.LFF.bias)  # type: ignore[operator]


def network(
    block: Any, size: dict[str, int], batch: int, height: int, width: int, *, margin: float = 0.0
) -> tuple[RDB, Tensor]:
    """An RDB and an input; with a `margin`, a ReLU is given about that or its opposite, channel by channel."""
    rdb = make(block, kernel_sizes=[3] * size["C"], dtype=torch.float32, **size)
    for name, bias in rdb.layers.named_parameters():
        if name.endswith("bias") and "attention" not in name:
            bias.data += margin * (1 - 2 * (torch.arange(len(bias)) % 2))
    rdb = rdb.to(DEVICE)
    x = image(batch, height, width, channels=size["G0"], dtype=torch.float32).detach().to(DEVICE).requires_grad_()
    return rdb, x


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("size", "height", "width"), SIZES)
@pytest.mark.parametrize("batch", [1, 2])
def test_outputs_and_gradients_are_those_of_concatenating(
    block: ConvBlock, size: dict[str, int], batch: int, height: int, width: int
) -> None:
    rdb, x = network(block, size, batch, height, width)
    exact = gradients(literal, x.detach().double().requires_grad_(), copy.deepcopy(rdb).double())
    found = gradients(ours, x, rdb)
    tolerance = 1e-5 if height < 13 else 1e-2  # there, rounding decides some ReLUs
    for name, value in exact.items():
        assert (found[name] - value).norm() <= tolerance * value.norm(), name


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("size", "height", "width"), SIZES)
def test_on_a_gpu_rounding_is_no_worse_than_that_of_concatenating(
    block: ConvBlock, size: dict[str, int], height: int, width: int, dtype: torch.dtype
) -> None:
    """Of autocast, or of TF32, to which Triton cuts numbers. Far from zero, as rounding decides no ReLU there."""
    torch.backends.cudnn.allow_tf32 = True
    margin = 4.0 if dtype == torch.float16 else 8.0  # with more, gradients of weights are too large for float16
    rdb, x = network(block, size, 2, height, width, margin=margin)

    def cast(compute: Any, x: Tensor, rdb: RDB) -> Tensor:
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            return compute(x, rdb).float()

    exact = gradients(literal, x.detach().double().requires_grad_(), copy.deepcopy(rdb).double())
    found, theirs = (gradients(functools.partial(cast, each), x, rdb) for each in (ours, literal))
    for name, value in exact.items():
        assert (found[name] - value).norm() <= 2.5 * (theirs[name] - value).norm() + 0.01 * value.norm(), name


@pytest.mark.gpu
@pytest.mark.parametrize("block", [DWBlock, LDWBlock])
def test_gradients_are_the_same_in_every_run_and_a_large_image_has_right_corners(block: ConvBlock) -> None:
    size = {"C": 2, "G": 64, "G0": 64}
    rdb, x = network(block, size, 4, 96, 96)
    first, second = (gradients(ours, x, rdb) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    rdb = rdb.bfloat16()
    with torch.no_grad():
        large = torch.randn(1, 64, 3600, 3600, device="cuda", dtype=torch.bfloat16)  # 2.5e9 features
        corner = ours(large[..., -32:, -32:], rdb)[..., 8:, 8:]
        torch.testing.assert_close(ours(large, rdb)[..., -24:, -24:], corner)


@pytest.mark.slow
@pytest.mark.parametrize("block", [DWBlock, StandardBlock])
def test_operators_keep_the_rules_by_which_torch_compiles_and_exports(block: ConvBlock) -> None:
    rdb, x = network(block, {"C": 2, "G": 3, "G0": 5}, 1, 2, 3)
    layers = [[each for each in part.layer() if isinstance(each, Tensor)] for part in rdb.layers]  # type: ignore[operator]
    weights, sizes = [each for layer in layers for each in layer], [len(layer) for layer in layers]
    x = x.detach().permute(0, 2, 3, 1).requires_grad_()
    library.opcheck(triton.rdb_features, (x, weights, sizes))
    buffer = triton.rdb_features(x, weights, sizes).detach()
    plain = [each.detach() for each in weights]
    library.opcheck(triton.rdb_features_backward, (torch.ones_like(buffer), buffer, plain, sizes))


@pytest.mark.slow
def test_kernels_compile_for_the_oldest_gpus_and_fit_into_the_smallest_shared_memory(tmp_path: Path) -> None:
    script = Path(__file__).with_name("compile_triton.py")
    settings = os.environ | {"TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    compiled = subprocess.run([sys.executable, script, "80"], env=settings, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    sizes = [line.split() for line in compiled.stdout.splitlines()]
    depthwise = {"separable", "separable_features", "depthwise_input", "depthwise_weight"}
    assert {name for name, _ in sizes} == {"conv", "conv_weight"} | depthwise
    assert max(int(size) for _, size in sizes) <= 99 * 1024


@pytest.mark.parametrize("block", [DWBlock, StandardBlock])
def test_one_buffer_of_all_features_is_kept_for_the_backward_pass(block: ConvBlock) -> None:
    rdb, x = network(block, {"C": 3, "G": 4, "G0": 6}, 2, 13, 11)
    kept = kept_features(lambda x: ours(x, rdb), x)  # and weights, which are smaller
    assert [each for each in kept if each > 1000] == [2 * 13 * 11 * (6 + 3 * 4)]


def test_values_that_are_not_numbers_stay_visible() -> None:
    for block in BLOCKS:
        rdb, x = network(block, {"C": 1, "G": 4, "G0": 6}, 1, 3, 3)
        with torch.no_grad():
            x[0, 0, 1, 1] = float("nan")
            assert ours(x, rdb).isnan().all()


def test_an_rdb_on_a_gpu_uses_them_if_chosen_and_if_its_blocks_allow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rdb, x = network(ALDBlock, {"C": 2, "G": 4, "G0": 6}, 1, 3, 3)
    others: list[Any] = [functools.partial(StandardBlock, kernel_size=5), functools.partial(BSConvBlock, bias=True)]
    others.append(functools.partial(DWBlock, activation="gelu"))
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_gpu = torch.empty(1, 6, 4, 4, device="cuda")
        assert find_layers(list(rdb.layers), on_gpu) is None
        monkeypatch.setattr(choice, "chosen", triton)
        assert find_layers(list(rdb.layers), on_gpu) is not None
        with pytest.warns(UserWarning, match=r"torch\.float64"):
            assert find_layers(list(rdb.layers), torch.empty(1, 6, 4, 4, device="cuda", dtype=torch.float64)) is None
        assert find_layers(list(rdb.layers), torch.empty(0, 6, 4, 4, device="cuda")) is None
        for other in others:
            with pytest.warns(UserWarning, match="its blocks"):
                assert find_layers(list(RDB(C=1, G=4, G0=6, conv=other).layers), on_gpu) is None
        rdb.LFF.register_forward_hook(lambda *_: None)
        with pytest.warns(UserWarning, match="hooks"):
            assert find_layers(list(rdb.layers), on_gpu, others=[rdb.LFF]) is None
    assert find_layers([StandardBlock(6, 4)], x.detach().cpu()) is None


def test_a_choice_that_cannot_be_met_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "chosen", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for capability, options, named in [
        ((9, 0), {"on_gpu": False}, "--kernels triton: expected an NVIDIA GPU"),
        ((7, 5), {}, "--kernels triton: expected an NVIDIA GPU"),
        ((8, 0), {"network": RDB(C=1, G=4, G0=6, conv=functools.partial(LDWBlock, kernel_size=5))}, "3x3"),
    ]:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda capability=capability: capability)
        with pytest.raises(OptionError, match=named):
            choice.use_kernels("triton", option="--kernels ", **options)
        assert choice.chosen is None
    choice.use_kernels("triton", network=RDB(C=1, G=4, G0=6, conv=ALDBlock))
    assert choice.chosen is triton
    choice.use_kernels("torch")
    assert choice.chosen is None
