"""What `backbone=`, `block=`, `model=` and options of one's own make of a network, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from torch import Tensor, nn

from aldsr.core.errors import UserError
from aldsr.nn import RDN
from aldsr.nn.description import BACKBONES, build, label
from aldsr.run.cli import config_dir
from aldsr.run.network import resolve_network
from aldsr.run.unused import refuse_unused, unused_in_training
from aldsr.sweep.names import run_name

MAXIMUM = "aldsr.nn.descriptors.maximum"
ALD_BLOCK = "model=rdn model.conv._target_=aldsr.nn.ALDBlock +model.conv.descriptor=${descriptor}"
OWN_BLOCK, OWN_NET = "block._target_=torch.nn.Linear", f"backbone._target_={__name__}.OwnNet"


class OwnNet(nn.Conv2d):
    def __init__(self, *, scale: int, width: int = 8) -> None:
        super().__init__(3, width, scale)


class OwnRDN(RDN):
    pass


def power(filters: Tensor, exponent: int) -> Tensor:
    return filters.pow(exponent).mean((1, 2, 3))


@pytest.fixture(autouse=True)
def _configs() -> Iterator[None]:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


def resolved(*overrides: str) -> tuple[str, dict[str, Any]]:
    """A run's name and its network's description."""
    config = compose("train", list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    resolve_network(config)
    refuse_unused(unused_in_training(config))
    assert not {"block", "backbone"} & set(config)  # what is recorded is the network alone
    model: Any = OmegaConf.to_container(config.model, resolve=True)
    return run_name(HydraConfig.get().runtime.choices, model, config.scale), model


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_block_goes_into_every_backbone(backbone: str) -> None:
    for block in ("Standard", "DW", "LDW", "ALD", "BSConv"):
        _, model = resolved(f"backbone={backbone.lower()}", f"block={block.lower()}", "size=tiny")
        build(model)
        assert label(model) == f"{block}-{backbone}".removeprefix("Standard-")


def test_choices_in_the_help_are_those_that_a_user_makes() -> None:
    choices = [each for each in GlobalHydra.instance().hydra.list_all_config_groups() if not each.startswith("hydra")]
    assert {"backbone", "block", "size"} < set(choices)
    assert not any("/" in each for each in choices)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ("model=dw_rdn size=paper", "dw_rdn-paper-x4"),
        ("block=ldw", "ldw_rdn-small-x4"),
        ("model=ald_rdn descriptor=none size=tiny scale=2", "ald_rdn-none-tiny-x2"),
        (f"{ALD_BLOCK} descriptor=max", "rdn-max-small-x4"),
        (f"descriptor._target_={MAXIMUM}", "ald_rdn-maximum-small-x4"),
        (f"model.conv.descriptor={{_target_:{MAXIMUM}}}", "ald_rdn-maximum-small-x4"),
        (
            f"descriptor._target_={__name__}.power +descriptor.exponent=3",
            f"ald_rdn-{__name__}.power-exponent3-small-x4",
        ),
        (f"descriptor=det_std descriptor.of._target_={MAXIMUM}", "ald_rdn-standardised-of-maximum-small-x4"),
        ("backbone=imdn", "imdn-ald-det-small-x4"),
        ("backbone=edsr block=standard size=baseline", "edsr-standard-baseline-x4"),
        ("block=ldw block.kernel_size=5 block.activation=gelu", "ldw_rdn-5x5-gelu-small-x4"),
        ("model=dw_rdn +model.conv.kernel_size=5 block=dw", "dw_rdn-5x5-small-x4"),
        (OWN_BLOCK, "rdn-Linear-small-x4"),
        (f"model=rdn model.conv{OWN_BLOCK.removeprefix('block')}", "rdn-Linear-small-x4"),
        (f"{OWN_NET} +backbone.width=4", "OwnNet-x4"),
        (f"{OWN_NET[:-6]}OwnRDN", "OwnRDN-ald-det-small-x4"),
        ("backbone=fsrcnn block=ldw", "fsrcnn-ldw-x4"),
    ],
)
def test_a_network_is_named_by_what_it_is_and_the_papers_as_ever(overrides: str, name: str) -> None:
    assert resolved(*overrides.split())[0] == name


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ("model=dw_rdn block=ldw", "block=ldw"),
        ("model=rdn backbone=edsr", "backbone=edsr"),
        ("block=ldw descriptor=max", "descriptor=max"),
        ("+model.conv.live=true +block.live=false", "block.live"),
        ("backbone=rdn size=baseline", "size=baseline"),
        ("size=budget", "size=budget"),
        (f"{OWN_BLOCK} block.kernel_size=5", "^block.kernel_size: "),
        (f"{OWN_NET} size=paper", "^size=paper: .*G0"),
        (f"{OWN_NET} block=ldw", "conv: "),
        (f"{OWN_NET} size=tiny +backbone.widht=4", "^size=tiny: "),
        (f"{OWN_NET} +backbone.widht=4", "^backbone.widht: .*width"),
        ("block._target_=torch.nn.Liner", "^block._target_: "),
        ("+descriptor.pwoer=2", "^descriptor.pwoer: "),
        ("+model.growth=2", "^model.growth: "),
    ],
)
def test_what_cannot_be_or_would_do_nothing_is_refused(overrides: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        build(resolved(*overrides.split())[1], allow_code=None)
