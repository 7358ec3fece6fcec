"""Networks written for use: every format against the checkpoint, and what is refused or not kept."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import aldsr
from aldsr import export as command
from aldsr.export import export, main
from aldsr.nn import fold, formats
from aldsr.nn.description import NetworkError, build
from aldsr.nn.folding import foldable_blocks
from aldsr.nn.formats import FORMATS, FormatError, traced
from aldsr.nn.verification import CheckError, difference
from aldsr.nn.weights import load_network, pack_weights
from tests.command import run_command
from tests.nn.conftest import description, users_module  # noqa: F401, of that folder's tests

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")

SIZES = [(1, 1, 1), (1, 1, 7), (1, 9, 13), (2, 8, 5), (1, 32, 3)]
NETWORKS = [(2, "bicubic"), (3, "bicubic"), (4, "none")]


def checkpoint(path: Path, described: dict[str, Any]) -> Path:
    """Such as training writes, with weights as far from their start as training takes them."""
    torch.manual_seed(0)
    network = build(described)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)
    state = {f"network.{key}": value for key, value in network.state_dict().items()}
    torch.save({"network": described, "state_dict": state}, path)
    return path


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "last.ckpt", description())


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda each: f"x{each[0]}-{each[1]}")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint and its files, by suffix."""
    folder = tmp_path_factory.mktemp("exported")
    scale, residual = request.param
    source = checkpoint(folder / "last.ckpt", description(scale=scale, residual=residual, D=2))
    files = {kind.suffix: folder / f"net{kind.suffix}" for kind in FORMATS.values()}
    for file in files.values():
        export(source, file)
    return {".ckpt": source, **files}


@pytest.mark.parametrize("size", SIZES, ids=lambda each: "x".join(map(str, each)))
def test_all_formats_agree_with_the_checkpoint(exported: dict[str, Path], size: tuple[int, int, int]) -> None:
    """Each read by its own library, not by aldsr's reader."""
    batch, height, width = size
    lr = torch.rand(batch, 3, height, width)
    session = onnxruntime.InferenceSession(str(exported[".onnx"]), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = load_network(exported[".ckpt"])[0](lr)
        made = {
            "safetensors": load_network(exported[".safetensors"])[0](lr),
            "onnx": torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0]),
            "torch-export": torch.export.load(exported[".pt2"]).module()(lr),
        }
    for name, sr in made.items():
        torch.testing.assert_close(sr, wanted, rtol=1e-5, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}")


def test_the_weights_file_is_folded(exported: dict[str, Path]) -> None:
    network, described = load_network(exported[".safetensors"])
    assert described["conv"]["_target_"] == "aldsr.nn.LDWBlock"
    assert not foldable_blocks(network)


def test_an_onnx_model_says_what_it_is(exported: dict[str, Path]) -> None:
    session = onnxruntime.InferenceSession(str(exported[".onnx"]), providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    described = json.loads(said["aldsr.network"])
    scale = described["scale"]
    assert described == load_network(exported[".safetensors"])[1]
    assert said["aldsr.version"] == aldsr.__version__
    assert said["aldsr.scale"] == str(scale)
    assert said["aldsr.input"].startswith("RGB in [0, 1]")
    assert said["aldsr.output"].startswith("RGB in [0, 1]")
    (lr,), (sr,) = session.get_inputs(), session.get_outputs()
    assert (lr.name, lr.shape) == ("lr", ["batch", 3, "height", "width"])
    assert (sr.name, sr.shape) == ("sr", ["batch", 3, f"{scale}*height", f"{scale}*width"])


def test_an_onnx_model_has_the_opset_that_is_reported(exported: dict[str, Path]) -> None:
    import onnx

    model = onnx.load(exported[".onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert {each.domain: each.version for each in model.opset_import} == {"": formats.OPSET}
    assert f"opset {formats.OPSET}" in FORMATS["onnx"].said


def test_a_torch_export_archive_carries_the_same_metadata(exported: dict[str, Path]) -> None:
    files = {formats.METADATA: ""}
    torch.export.load(exported[".pt2"], extra_files=files)
    assert json.loads(files[formats.METADATA]) == formats.metadata(load_network(exported[".safetensors"])[1])


def test_no_file_names_this_machines_folders(exported: dict[str, Path]) -> None:
    home = str(Path(aldsr.__file__).parent).encode()
    assert not [path.name for path in exported.values() if home in path.read_bytes()]


def test_the_fast_form_for_a_cpu_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It calls compiled kernels by address; its channels are such as they take."""
    from aldsr.nn.kernels import rdb as buffered

    network = fold(build(description(G=32, G0=32))).eval()
    monkeypatch.setattr(buffered, "rdb", lambda *_: pytest.fail("the fast form was called"))
    with torch.autocast("cpu", torch.bfloat16):
        program = traced(network)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.cat.default" in called
    assert not [name for name in called if "_to_copy" in name or "to.dtype" in name]  # autocast's


# The command


def test_the_command_reports_what_it_wrote(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "net.onnx"
    assert run_command(main, str(trained), "-o", str(output)) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{output}: ALD-RDN x2 folded, ONNX opset 18, 0.0")
    assert "on 6 sizes" in said.out
    assert said.out.count("\n") == 1
    assert said.err == ""


def test_a_deployed_weights_file_is_exported(tmp_path: Path) -> None:
    described = {"_target_": "aldsr.nn.deployed", "network": description("LDWBlock"), "collapsed": ["RDBs.0.layers.1"]}
    source = tmp_path / "deployed.safetensors"
    source.write_bytes(pack_weights(build(described), described))
    assert "LDW-RDN x2" in export(source, tmp_path / "net.safetensors")
    assert load_network(tmp_path / "net.safetensors")[1] == described


def test_format_chooses_for_a_suffix_of_none(trained: Path, tmp_path: Path) -> None:
    export(trained, tmp_path / "net.bin", "torch-export")
    with (tmp_path / "net.bin").open("rb") as file:
        torch.export.load(file)


@pytest.mark.parametrize(
    ("output", "options", "said"),
    [
        ("net.pb", [], "net.pb: its suffix names no format; use .safetensors, .onnx, .pt2, or choose by --format"),
        ("net.onnx", ["--format", "torch-export"], "net.onnx: a file of --format torch-export ends in .pt2"),
        ("net.bin", ["--format", "safetensors"], "net.bin: a file of --format safetensors ends in .safetensors"),
        ("absent/net.pt2", [], "absent/net.pt2: cannot be written (No such file or directory); choose another with -o"),
        ("last.ckpt", ["--format", "torch-export"], "last.ckpt: is WEIGHTS itself"),
    ],
)
def test_an_output_that_cannot_be_is_one_sentence(
    output: str, options: list[str], said: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trained.read_bytes()
    assert run_command(main, str(trained), "-o", str(tmp_path / output), *options) == 2
    assert one_sentence(capsys).startswith(f"error: {tmp_path}/{said}")
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]
    assert trained.read_bytes() == before


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize("content", [None, b"no weights"])
@pytest.mark.parametrize("name", ["net.safetensors", "last.ckpt"])
def test_a_wrong_weights_file_is_one_sentence(
    name: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    assert run_command(main, str(source), "-o", str(tmp_path / "out.onnx")) == 2
    assert one_sentence(capsys).startswith(f"error: {source}: ")
    assert not (tmp_path / "out.onnx").exists()


def test_a_block_by_itself_is_no_network(tmp_path: Path) -> None:
    described = {"_target_": "aldsr.nn.ALDBlock", "in_channels": 3, "out_channels": 3}
    source = tmp_path / "block.safetensors"
    source.write_bytes(pack_weights(build(described), described))
    with pytest.raises(NetworkError, match="so it is no network that upscales"):
        export(source, tmp_path / "net.pt2")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_one_sentence(
    missing: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run_command(main, str(trained), "-o", str(tmp_path / "net.onnx")) == 2
    assert one_sentence(capsys) == (
        f"error: ONNX opset 18 needs the package {missing}; install it with: pip install 'aldsr[export]'\n"
    )


def test_wrong_usage_has_status_2() -> None:
    assert run_command(main, "last.ckpt") == 2


# Blocks of one's own


def test_a_users_block_is_exported_once_its_package_is_allowed(
    users_module: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    described = description(conv={"_target_": f"{users_module}.Plain", "_partial_": True})
    source = tmp_path / "mine.safetensors"
    source.write_bytes(pack_weights(build(described, None), described))
    with pytest.raises(NetworkError, match="outside the trusted packages"):
        export(source, tmp_path / "net.safetensors")
    for suffix in (".safetensors", ".pt2"):
        export(source, tmp_path / f"net{suffix}", allow_code=[users_module])


def test_a_block_that_looks_at_values_is_one_sentence() -> None:
    class Looking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(FormatError, match=r"^torch\.export cannot trace this network: .") as error:
        traced(Looking())
    assert "\n" not in str(error.value)


# Checks


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx", ".pt2"])
def test_a_file_that_does_not_agree_is_not_kept(
    suffix: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(network: nn.Module) -> nn.Module:
        folded = fold(network)
        folded.UPNet[-1].bias.data += 1e-2
        return folded

    output = tmp_path / f"net{suffix}"
    output.write_text("an earlier one")
    monkeypatch.setattr(command, "fold", wrong)
    assert run_command(main, str(trained), "-o", str(output)) == 2
    assert "not written" in one_sentence(capsys)
    assert output.read_text() == "an earlier one"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["last.ckpt", output.name]


def test_a_file_that_does_not_run_is_not_kept(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind = FORMATS["onnx"]
    empty = formats.Format(kind.suffix, kind.said, (), lambda path, *_: path.write_bytes(b"no model"), kind.read)  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(command, "FORMATS", {**FORMATS, "onnx": empty})
    assert run_command(main, str(trained), "-o", str(tmp_path / "net.onnx")) == 2
    assert "does not run" in one_sentence(capsys)
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_network_that_gives_nan_is_not_kept(tmp_path: Path) -> None:
    described = description()
    network = build(described)
    network.SFE1.bias.data[:] = torch.nan
    source = tmp_path / "nan.safetensors"
    source.write_bytes(pack_weights(network, described))
    with pytest.raises(CheckError, match="by nan"):
        export(source, tmp_path / "net.safetensors")


def test_another_size_counts_as_a_difference(trained: Path) -> None:
    network, _ = load_network(trained)
    assert difference(network, lambda lr: network(lr)[..., :1]) == float("inf")
