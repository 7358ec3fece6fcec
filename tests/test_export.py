"""Networks written for use: every format compared with the checkpoint, and what is refused or not kept."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import aldsr
from aldsr import export as command
from aldsr.export import export, main
from aldsr.nn import fold, formats
from aldsr.nn.description import NetworkError, build
from aldsr.nn.folding import foldable_blocks
from aldsr.nn.formats import FORMATS, FormatError, export_graph, max_difference
from aldsr.nn.weights import load_network
from tests.command import refuse, run_command
from tests.nn.conftest import description, network_of, save

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    return save(tmp_path / "last.ckpt", network_of(), description())


@pytest.fixture(scope="module", params=[{"scale": 3, "residual": "bicubic"}, {"scale": 4}], ids=str)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint and its files, by suffix."""
    folder, network = tmp_path_factory.mktemp("exported"), network_of(**request.param)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.2)  # as far from their start as training takes them
    source = save(folder / "last.ckpt", network, description(**request.param))
    files = {kind.suffix: folder / f"net{kind.suffix}" for kind in FORMATS.values()}
    for file in files.values():
        export(source, file)
    return {".ckpt": source, **files}


@pytest.mark.slow
def test_all_formats_agree_with_the_checkpoint(exported: dict[str, Path]) -> None:
    """Each read by its own library, not by aldsr's reader."""
    session = onnxruntime.InferenceSession(str(exported[".onnx"]), providers=["CPUExecutionProvider"])
    program = torch.export.load(exported[".pt2"]).module()
    network, folded = (load_network(exported[suffix])[0] for suffix in (".ckpt", ".safetensors"))
    assert not foldable_blocks(folded)
    for size in ((1, 3, 1, 1), (1, 3, 1, 7), (2, 3, 8, 5), (1, 3, 32, 3)):
        lr = torch.rand(size)
        with torch.no_grad():
            expected = network(lr)
            outputs = [folded(lr), program(lr), torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0])]
        for output in outputs:
            torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_files_say_what_they_are_and_name_no_folder_of_this_machine(exported: dict[str, Path]) -> None:
    import onnx

    described = load_network(exported[".safetensors"])[1]
    assert described["conv"]["_target_"] == "aldsr.nn.LDWBlock"
    session = onnxruntime.InferenceSession(str(exported[".onnx"]), providers=["CPUExecutionProvider"])
    metadata, scale = session.get_modelmeta().custom_metadata_map, described["scale"]
    assert json.loads(metadata["aldsr.network"]) == described
    assert (metadata["aldsr.version"], metadata["aldsr.scale"]) == (aldsr.__version__, str(scale))
    (lr,), (sr,) = session.get_inputs(), session.get_outputs()
    assert (lr.name, lr.shape) == ("lr", ["batch", 3, "height", "width"])
    assert (sr.name, sr.shape) == ("sr", ["batch", 3, f"{scale}*height", f"{scale}*width"])
    files = {formats.METADATA: ""}
    torch.export.load(exported[".pt2"], extra_files=files)
    assert json.loads(files[formats.METADATA]) == metadata
    model = onnx.load(exported[".onnx"])
    onnx.checker.check_model(model, full_check=True)
    assert {each.domain: each.version for each in model.opset_import} == {"": formats.OPSET}
    home = str(Path(aldsr.__file__).parent).encode()
    assert not [path.name for path in exported.values() if home in path.read_bytes()]


def test_the_fast_form_for_a_cpu_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It calls compiled kernels by address; the channels here are such as they support."""
    network = fold(build(description(G=32, G0=32))).eval()
    monkeypatch.setattr("aldsr.nn.backbones.rdn.buffered_rdb", lambda *_: pytest.fail("the fast form was called"))
    with torch.autocast("cpu", torch.bfloat16):
        program = export_graph(network)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert "aten.cat.default" in called
    assert not [name for name in called if "_to_copy" in name or "to.dtype" in name]  # autocast's


def test_the_command_reports_what_it_wrote(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "net.bin"  # a suffix of no format
    assert run_command(main, trained, "-o", output, "--format", "torch-export") == 0
    out, error = capsys.readouterr()
    assert out.startswith(f"{output}: ALD-RDN x2 folded, torch.export, 0.")
    assert (out.count("\n"), error) == (1, "")
    with output.open("rb") as file:
        torch.export.load(file)


def test_a_deployed_weights_file_is_exported(tmp_path: Path) -> None:
    described = {"_target_": "aldsr.nn.deployed", "network": description("LDWBlock"), "collapsed": ["RDBs.0.layers.1"]}
    source = save(tmp_path / "deployed.safetensors", build(described), described)
    assert "LDW-RDN x2" in export(source, tmp_path / "net.safetensors")
    assert load_network(tmp_path / "net.safetensors")[1] == described


@pytest.mark.parametrize(
    ("output", "options", "named"),
    [
        ("net.pb", [], ".safetensors, .onnx, .pt2"),
        ("net.onnx", ["--format", "torch-export"], ".pt2"),
        ("net.bin", ["--format", "safetensors"], ".safetensors"),
        ("last.ckpt/net.pt2", [], "Not a directory"),
        ("last.ckpt", ["--format", "torch-export"], "itself"),
    ],
)
def test_an_output_that_cannot_be_written_is_named(
    output: str, options: list[str], named: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = trained.read_bytes()
    message = refuse(capsys, main, trained, "-o", tmp_path / output, *options)
    assert message.startswith(f"{tmp_path / output}: ")
    assert named in message
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]
    assert trained.read_bytes() == before


def test_a_runs_weights_are_kept_and_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own = save(tmp_path / "run" / "weights.safetensors", network_of(), description())
    before = own.read_bytes()
    assert "itself" in refuse(capsys, main, tmp_path / "run", "-o", "~/run/weights.safetensors")
    assert own.read_bytes() == before
    assert run_command(main, "~/run", "-o", "~/net.safetensors") == 0
    assert load_network(tmp_path / "net.safetensors")


def test_weights_that_cannot_be_read_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = {"_target_": "aldsr.nn.ALDBlock", "in_channels": 3, "out_channels": 3}  # by itself it does not upscale
    source = save(tmp_path / "block.safetensors", build(block), block)
    for weights, named in ((tmp_path / "missing.ckpt", f"{tmp_path}/missing.ckpt: "), (source, "aldsr.nn.ALDBlock ")):
        assert refuse(capsys, main, weights, "-o", tmp_path / "out.onnx").startswith(named)
        assert not (tmp_path / "out.onnx").exists()


def test_a_missing_extra_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    message = refuse(capsys, main, trained, "-o", tmp_path / "net.onnx")
    assert "package onnxscript; run: pip install 'aldsr[export]'" in message


def test_a_users_block_is_exported_once_its_package_is_allowed(users_module: str, tmp_path: Path) -> None:
    described = description(conv={"_target_": f"{users_module}.Plain", "_partial_": True})
    for name in ("mine.safetensors", "last.ckpt"):
        source = save(tmp_path / name, build(described, None), described)
        with pytest.raises(NetworkError, match="outside the trusted packages"):
            export(source, tmp_path / "net.safetensors")
        for suffix in (".safetensors", ".pt2"):
            export(source, tmp_path / f"net{suffix}", allow_code=[users_module])


def test_a_block_that_branches_on_values_is_refused_in_one_sentence() -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(FormatError, match=r"torch\.export") as error:
        export_graph(Branching())
    assert "\n" not in str(error.value)


def test_a_file_that_does_not_agree_or_run_is_not_kept(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, output = FORMATS["torch-export"], tmp_path / "net.pt2"
    output.write_text("an earlier one")
    for wrong, named in (
        (dataclasses.replace(kind, read=lambda *_: lambda lr: load_network(trained)[0](lr) + 1e-2), "differs"),
        (dataclasses.replace(kind, write=lambda path, *_: path.write_bytes(b"no model")), "does not run"),
    ):
        monkeypatch.setattr(command, "FORMATS", {**FORMATS, "torch-export": wrong})
        message = refuse(capsys, main, trained, "-o", output)
        assert message.startswith(f"{output}: not written, because the torch.export file {named}")
        assert output.read_text() == "an earlier one"
        assert sorted(each.name for each in tmp_path.iterdir()) == ["last.ckpt", output.name]


def test_nan_and_another_size_count_as_differences(tmp_path: Path, trained: Path) -> None:
    network, _ = load_network(trained)
    assert max_difference(network, lambda lr: network(lr)[..., :1]) == float("inf")
    network.get_submodule("SFE1").bias.data[:] = torch.nan  # type: ignore[union-attr]
    with pytest.raises(FormatError, match="nan"):
        export(save(tmp_path / "nan.safetensors", network, description()), tmp_path / "net.safetensors")
