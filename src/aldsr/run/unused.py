"""Options that count only beside others: typed where they would do nothing, they are refused."""

from collections.abc import Iterator
from functools import partial

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from aldsr.core.errors import OptionError
from aldsr.run.network import is_external
from aldsr.run.typed import typed_options

Unused = Iterator[tuple[object, str, str]]  # whether they do nothing, what options start with, and where they count
DEVICES = ("trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy")


def refuse_unused(unused: Unused) -> None:
    """Raise OptionError for the first option that was typed though it does nothing; null, false and [] may be."""
    for names, where in ((names, where) for nothing, names, where in unused if nothing):
        for option, value in typed_options().items():
            counts = option in DEVICES or not option.startswith(tuple(names.split()))
            if not counts and value not in ("null", "false", "[]"):
                typed = f"{option}={value}" if value else option  # ~option has no value
                raise OptionError(f"{typed}: does nothing here: {option} counts {where}; leave it out")


def unused_in_training(config: DictConfig) -> Unused:
    """Those of `aldsr.train`."""
    sweeping, of_clipping = "hydra.launcher hydra/launcher hydra.sweep hydra/sweep", "trainer.gradient_clip_algorithm"
    given = partial(OmegaConf.select, config)
    yield HydraConfig.get().mode == RunMode.RUN, sweeping, "in a sweep, with -m"
    yield not config.init, "init_partial", "beside init=FILE"
    yield given("data.train_dirs") is not None, "data.pictures", "with procedural images, without data.train_dirs"
    yield given("trainer.gradient_clip_val") is None, of_clipping, "beside trainer.gradient_clip_val"
    yield not is_external() and not config.study.name, "allow_code", "beside model=external"  # as in `_of_both`
    yield "budgets" not in config, "study.budget", "in the studies of experiments/, with -cd experiments/NAME -cn study"
    if not config.study.name:  # in a sweep it may be for other jobs
        yield from _of_both(config)


def unused_in_evaluation(config: DictConfig) -> Unused:
    """Those of `aldsr.evaluate`."""
    images = ("train_dirs", "train_list", "pictures", "cache")
    training = (*images, "patch_size", "batch_size", "steps_per_epoch", "seed", "num_workers")
    of_network, file = "model backbone block size descriptor seed", config.ckpt_path or config.predictions
    of_use = "tile overlap self_ensemble precision kernels deploy cost"
    fixed = config.protocol in ("rgb", "y_full_range", "gray_direct")
    yield True, " ".join(f"data.{option}" for option in training), "in aldsr.train"
    yield True, "trainer.", f"in aldsr.train; here precision=… and {', '.join(DEVICES)} do"
    yield file, of_network, "beside model=…; a file brings its own network"
    yield not config.ckpt_path and not is_external(), "allow_code", "beside ckpt_path=FILE or model=external"
    yield config.predictions, of_use, "where a network makes the images"
    yield config.tile is None, "overlap", "beside tile=…"
    yield config.self_ensemble or config.tile, "cost", "for one pass over a whole image, without self_ensemble and tile"
    yield fixed, "gray", "where protocol=… leaves it open, as y does"
    yield config.protocol == "explain", "gray measures shave", "with one protocol"
    yield config.protocol == "unshaved", "shave", "with another protocol=…"
    yield from _of_both(config)


def _of_both(config: DictConfig) -> Unused:
    conv, content = OmegaConf.select(config, "model.conv") or {}, str(OmegaConf.to_container(config, resolve=False))
    yield is_external(), "backbone block size model.", "with networks of aldsr, not with model=external"
    yield True, "data.scale model.scale", "as part of scale=…, which sets both"
    yield "descriptor" not in conv, "descriptor", "beside a block with attention, such as block=ald"
    yield "${datasets}" not in content, "datasets", "with data=div2k, df2k or lsdir, or where ${datasets} is typed"
