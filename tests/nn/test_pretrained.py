"""Trained networks by path or name, without a network connection."""

import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from torch import nn

import aldsr
from aldsr.nn.description import NetworkError
from tests.nn.conftest import description, network_of, same_state, save


@pytest.fixture
def network() -> nn.Module:
    return network_of(residual="bicubic")


@pytest.fixture
def run(tmp_path: Path, network: nn.Module) -> Path:
    """A run's folder."""
    for name in ("weights.safetensors", "last.ckpt"):
        save(tmp_path / name, network, description(residual="bicubic"))
    return tmp_path


@pytest.mark.parametrize("place", ["", "weights.safetensors", "last.ckpt"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_gives_the_network(place: str, kind: type, run: Path, network: nn.Module) -> None:
    loaded = aldsr.from_pretrained(kind(run / place))
    assert same_state(loaded, network)
    assert not loaded.training


@pytest.fixture
def hub(run: Path, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Stands for the download from the hub; it gives the run's weights."""
    download = Mock(return_value=str(run / "weights.safetensors"))
    monkeypatch.setattr(pytest.importorskip("huggingface_hub"), "hf_hub_download", download)
    return download


@pytest.mark.parametrize("revision", [None, "v1"])
def test_a_repository_is_downloaded(revision: str | None, hub: Mock, network: nn.Module) -> None:
    loaded = aldsr.from_pretrained("someone/ald-rdn_x2.small", revision=revision)
    assert same_state(loaded, network)
    hub.assert_called_once_with("someone/ald-rdn_x2.small", "weights.safetensors", revision=revision)


def test_what_the_hub_refuses_is_one_sentence(hub: Mock) -> None:
    hub.side_effect = OSError("404 Client Error.\n\nRepository Not Found")
    with pytest.raises(NetworkError, match=r"^someone/absent: .*404 Client Error\. Repository Not Found$"):
        aldsr.from_pretrained("someone/absent")
    errors = pytest.importorskip("huggingface_hub.errors")
    for name in ("RepositoryNotFoundError", "LocalEntryNotFoundError", "HFValidationError", "HfHubHTTPError"):
        assert issubclass(getattr(errors, name), OSError | ValueError), name  # the kinds that are caught


@pytest.mark.parametrize("name", ["absent", "./runs/absent", "/absent/folder", "runs/study/absent", "a/b.ckpt", ""])
def test_a_path_that_is_absent_is_not_looked_up_in_the_hub(
    name: str, hub: Mock, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(NetworkError, match=r"no such|a folder"):
        aldsr.from_pretrained(name)
    hub.assert_not_called()


def test_without_the_extra_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(NetworkError, match=r"pip install 'aldsr\[hub\]'$"):
        aldsr.from_pretrained("someone/ald-rdn")


def test_a_folder_without_weights_and_a_revision_of_a_path_are_refused(run: Path) -> None:
    with pytest.raises(NetworkError, match="revision v1"):
        aldsr.from_pretrained(run, revision="v1")
    (run / "weights.safetensors").unlink()
    with pytest.raises(NetworkError, match=r"a folder without weights\.safetensors"):
        aldsr.from_pretrained(run)
