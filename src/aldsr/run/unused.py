"""Options that count only beside others: typed where they would do nothing, they are refused."""

from collections.abc import Iterator

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aldsr.core.errors import OptionError
from aldsr.run.network import is_external

Unused = Iterator[tuple[str, str]]  # what options start with, and where they count
DEVICES = ("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy")


def refuse_unused(unused: Unused) -> None:
    """Raise OptionError for the first option that was typed though it does nothing; null, false and [] may be."""
    typed = [each.lstrip("+~") for each in (*HydraConfig.get().overrides.hydra, *HydraConfig.get().overrides.task)]
    for names, where in unused:
        for override in typed:
            option, _, value = override.partition("=")
            counts = option in DEVICES or not option.startswith(tuple(names.split()))
            if not counts and value not in ("null", "false", "[]"):
                raise OptionError(f"{override}: does nothing here: {option} counts {where}; leave it out")


def unused_in_training(config: DictConfig) -> Unused:
    """Those of `aldsr.train`."""
    if HydraConfig.get().mode == RunMode.RUN:
        yield "hydra.launcher hydra/launcher hydra.sweep hydra/sweep", "in a sweep, with -m"
    if not config.init:
        yield "init_partial", "beside init=FILE"
    if OmegaConf.select(config, "data.train_dirs") is not None:
        yield "data.pictures", "with procedural images, without data.train_dirs"
    if OmegaConf.select(config, "trainer.gradient_clip_val") is None:
        yield "trainer.gradient_clip_algorithm", "beside trainer.gradient_clip_val"
    if not is_external() and not config.study.name:  # as in `_of_both`
        yield "allow_code", "beside model=external"
    if "budgets" not in config:
        yield "study.budget", "in the studies of experiments/, with -cd experiments/NAME -cn study"
    if not config.study.name:  # in a sweep it may be for other jobs
        yield from _of_both(config)


def unused_in_evaluation(config: DictConfig) -> Unused:
    """Those of `aldsr.evaluate`."""
    training = ("train_dirs", "pictures", "patch_size", "batch_size", "steps_per_epoch", "seed", "cache", "num_workers")
    yield " ".join(f"data.{option}" for option in training), "in aldsr.train"
    yield "trainer.", f"in aldsr.train; here precision=… and {', '.join(DEVICES)} do"
    if config.ckpt_path or config.predictions:
        yield "model backbone block size descriptor seed", "beside model=…; a file brings its own network"
    if not config.ckpt_path and not is_external():
        yield "allow_code", "beside ckpt_path=FILE or model=external"
    if config.predictions:
        yield "tile overlap self_ensemble precision kernels deploy cost", "where a network makes the images"
    if config.tile is None:
        yield "overlap", "beside tile=…"
    if config.protocol in ("rgb", "y_full_range", "gray_direct"):
        yield "gray", "where protocol=… leaves it open, as y does"
    if config.protocol == "explain":
        yield "measures", "with one protocol"
    if config.protocol == "unshaved":
        yield "shave", "with another protocol=…"
    yield from _of_both(config)


def _of_both(config: DictConfig) -> Unused:
    if is_external():
        yield "backbone block size model.", "with networks of aldsr, not with model=external"
    yield "data.scale model.scale", "as part of scale=…, which sets both"
    content = OmegaConf.to_container(config, resolve=False)
    if "descriptor" not in (OmegaConf.select(config, "model.conv") or {}):
        yield "descriptor", "beside a block with attention, such as block=ald"
    if "${datasets}" not in str(content):
        yield "datasets", "with data=div2k, or where ${datasets} is typed"
