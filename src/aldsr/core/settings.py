"""The settings of one training run: typed, frozen, and what each of them means when runs are compared or continued.

Every field answers two questions (see `Rule`): does another value make another *variant*, so that the runs are not
repeats of one experiment, and may it *change* when a run is continued. The answers are yes and no, unless the field's
annotation has a rule of its own. A key without a field, such as an option of a user's own block or `+trainer.x`, makes
a variant and may not change either.

A field that is added later needs a third answer: `before`, what the code did before there was such an option. A
recorded configuration that lacks the field counts as having that value, whatever today's default is, so that a new
option does not separate new runs from recorded ones.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Self, get_args, get_origin, get_type_hints

from aldsr.core.errors import OptionError
from aldsr.core.frozen import FrozenDict, flatten_keys, freeze, thaw


@dataclass(frozen=True)
class Rule:
    """What a setting means: whether another value makes another `variant`, whether a run that is continued `may_change`
    it, and what a configuration without the setting did `before`; None: nothing.
    """

    variant: bool
    may_change: bool
    before: Any = None


NO_OPTIONS = FrozenDict()
L1 = FrozenDict({"_target_": "torch.nn.functional.l1_loss"})
DEFAULT_RULE = Rule(variant=True, may_change=False)
FREE = Rule(variant=False, may_change=True)  # where a run takes place, what it is called, how it is watched
PINNED = Rule(variant=False, may_change=False)  # seeds, and what changes a number's last bits only
NOTED = Rule(variant=True, may_change=True)  # what happened to the run, not an option
# Keys of older configurations that no field stands for any more, and options inside free-form settings.
MORE_RULES = {
    **dict.fromkeys(("budgets", "measured", "paces", "trainer.enable_progress_bar", "save_images"), FREE),
    **dict.fromkeys(("trainer.enable_model_summary", "trainer.profiler", "trainer.detect_anomaly"), FREE),
    **dict.fromkeys(("trainer.val_check_interval", "model.checkpoint"), PINNED),
    "loss._target_": Rule(variant=True, may_change=False, before=L1["_target_"]),
    "measures": Rule(variant=False, may_change=False, before=[]),
    "schedule.warmup_steps": Rule(variant=True, may_change=False, before=0),
    "data.degradation.steps": Rule(variant=False, may_change=False, before=["bicubic"]),
}
# The least of whole numbers that may be less than 1; -1: no limit.
LEAST_VALUES = {
    **dict.fromkeys(("trainer.max_steps", "trainer.max_epochs"), -1),
    **dict.fromkeys(("seed", "data.seed", "data.num_workers", "trainer.log_every_n_steps"), 0),
    **dict.fromkeys(("pictures", "shave", "overlap"), 0),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of the settings classes: from nested plain data and back, with keys that have no field in `options`."""

    options: FrozenDict = NO_OPTIONS

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, typed: bool = False, prefix: str = "") -> Self:
        """The settings of a configuration, or of what a user `typed`; `prefix` is that of its keys.

        Raises OptionError if a key that has no default is missing, or a typed value is not of its field's kind.
        """
        values: dict[str, Any] = {}
        options = dict(config)
        for each, key, kind, _ in _fields(cls):
            if key not in options:
                if each.default is MISSING:
                    raise OptionError(f"the configuration has no '{key}'; expected the options of aldsr.train")
                continue
            value = options.pop(key)
            if not _nested(kind):
                values[each.name] = freeze(_check_value(f"{prefix}{key}", value, kind) if typed else value)
            elif isinstance(value, Mapping):
                values[each.name] = kind.from_config(value, typed=typed, prefix=f"{prefix}{key}.")
            else:
                raise OptionError(f"{key}={value}: expected its options, such as {key}.{fields(kind)[1].name}=…")
        return cls(**values, options=FrozenDict(options))

    def to_config(self) -> dict[str, Any]:
        """The same as nested plain data."""
        config = {}
        for each, key, *_ in _fields(type(self)):
            value = getattr(self, each.name)
            config[key] = value.to_config() if isinstance(value, Settings) else thaw(value)
        return config | thaw(self.options)


def _fields(settings: type) -> Iterator[tuple[Field[Any], str, Any, Rule]]:
    """Every field but `options` with its key, its type and its rule."""
    hints = get_type_hints(settings, include_extras=True)
    for each in fields(settings):
        if each.name != "options":
            hint, key = hints[each.name], "_target_" if each.name == "target" else each.name
            yield each, key, *(get_args(hint) if get_origin(hint) is Annotated else (hint, DEFAULT_RULE))


def _nested(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings)


def _check_value(key: str, value: Any, kind: Any) -> Any:
    """The value of an option, if it is of its field's kind; one text where a list is meant becomes a list of one.

    Names that Hydra reads as whole numbers, as a folder's 2024, are texts where texts are meant.
    """
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "null"}
    plain = [get_origin(each) or each for each in kinds]
    if tuple in plain:
        value = [value] if isinstance(value, str) or type(value) is int else value
        item = get_args(kinds[plain.index(tuple)])[0]
        if isinstance(value, list | tuple):
            value = [_check_value(f"{key}[{number}]", each, item) for number, each in enumerate(value)]
    if str in plain and int not in plain and type(value) is int:
        value = str(value)
    accepted = {tuple: list | tuple, FrozenDict: Mapping, float: int | float}
    fits = any(isinstance(value, accepted.get(each, each)) for each in plain)
    if not fits or (isinstance(value, bool) and bool not in plain):
        expected = " or ".join(names.get(each, "a list" if each is tuple else "options") for each in plain)
        raise OptionError(f"{key}={value}: expected {expected}")
    if type(value) is int and value < (least := LEAST_VALUES.get(key, 1)) and int in plain:
        raise OptionError(f"{key}={value}: expected a whole number from {least} up")
    return value


@dataclass(frozen=True, kw_only=True)
class StudySettings(Settings):
    """What the runs of a sweep have in common."""

    name: Annotated[str | None, FREE] = None
    budget: Annotated[str | None, FREE] = None


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """Images and patches; see `aldsr.data.SuperResolutionData`."""

    target: str = "aldsr.data.SuperResolutionData"
    scale: int
    train_dirs: tuple[str, ...] | None = None
    eval_dirs: Annotated[tuple[str, ...] | None, PINNED] = None
    train_lr_dirs: Annotated[tuple[str | None, ...] | None, PINNED] = None  # see `RunSettings.lr_track`
    eval_lr_dirs: Annotated[tuple[str | None, ...] | None, PINNED] = None
    train_list: str | None = None
    degradation: Annotated[FrozenDict, PINNED] = NO_OPTIONS  # see `RunSettings.lr_track`
    pictures: int = 64
    patch_size: int | FrozenDict = 48  # or sides by the steps from which they hold
    batch_size: int = 16
    steps_per_epoch: int = 1000
    seed: Annotated[int, PINNED] = 0
    cache: Annotated[str, FREE] = "auto"
    num_workers: Annotated[int | None, FREE] = None


@dataclass(frozen=True, kw_only=True)
class TrainerSettings(Settings):
    """Options of `lightning.Trainer`; "auto" where `run.resolve` has not chosen yet."""

    target: str = "lightning.Trainer"
    accelerator: Annotated[str, FREE]
    devices: Annotated[int, FREE]
    num_nodes: Annotated[int, FREE] = 1
    strategy: Annotated[str, FREE] = "auto"
    precision: Annotated[str, PINNED]
    max_steps: int = -1
    max_epochs: int = -1
    accumulate_grad_batches: Annotated[int | str, PINNED] = 1
    gradient_clip_val: float | None = None
    check_val_every_n_epoch: Annotated[int | None, PINNED] = 1
    limit_val_batches: Annotated[int | float | None, PINNED] = None
    log_every_n_steps: Annotated[int, FREE] = 50
    deterministic: Annotated[bool | str | None, PINNED] = False

    @property
    def on_cpu(self) -> bool:
        """Whether ranks have to share the cores."""
        return self.accelerator == "cpu"

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on NVIDIA GPUs."""
        return self.accelerator in ("gpu", "cuda")

    @property
    def ranks(self) -> int:
        """Processes of the run, over all machines."""
        return self.devices * self.num_nodes


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """Everything that decides a training run, and what describes it; options as in `conf/train.yaml`."""

    model: FrozenDict  # the network's description (see `nn.description`)
    external: Annotated[FrozenDict, FREE] = NO_OPTIONS  # what the model was made of, with model=external
    allow_code: Annotated[tuple[str, ...], FREE] = ()  # packages that its network comes from
    descriptor: Annotated[FrozenDict | None, FREE] = None  # the choice, which the model has taken over if it takes one
    loss: FrozenDict = L1
    schedule: FrozenDict
    data: DataSettings
    trainer: TrainerSettings
    logger: Annotated[FrozenDict, FREE]
    scale: int
    seed: Annotated[int, PINNED] = 0
    run_dir: Annotated[str, FREE]
    name: Annotated[str, FREE]
    if_exists: Annotated[str, FREE] = "archive"
    study: Annotated[StudySettings, FREE] = StudySettings()
    ckpt_path: Annotated[str | None, FREE] = None  # what the run is continued from; None: from the start
    init: Annotated[str | None, PINNED] = None  # what its first weights are read from
    init_partial: Annotated[bool, FREE] = False  # whether weights that do not fit are left out
    paired_init: Annotated[bool, Rule(variant=True, may_change=False, before=False)] = False  # see `draw_by_role`
    ema: float | None = None  # decay of a moving average of the weights
    checkpoint_every: Annotated[int, FREE] = 500  # steps
    layout: Annotated[str, PINNED]
    kernels: Annotated[str, Rule(variant=False, may_change=False, before="torch")] = "torch"
    compile: Annotated[str, FREE] = "none"  # "graph": training steps are CUDA graphs
    pictures: Annotated[int, FREE] = 8  # comparisons per set
    datasets: Annotated[str | None, FREE] = None
    optimizer: FrozenDict
    quick: Annotated[bool, FREE] = False  # whether this is the quick start
    timings: Annotated[tuple[str, ...], FREE] = ()  # measured to choose precision, layout and micro-batches
    parameters: Annotated[int | None, FREE] = None  # of the network
    version: Annotated[str | None, FREE] = None  # of the code
    images: Annotated[FrozenDict, FREE] = NO_OPTIONS  # fingerprints, by the option that names the folders
    lr_track: Annotated[str, Rule(variant=True, may_change=True, before="bicubic")] = "bicubic"  # of LR trained on
    initial: Annotated[str | None, NOTED] = None  # fingerprint of the weights that were read
    new_weights: Annotated[tuple[str, ...], FREE] = ()  # that `init` did not give
    segments: Annotated[tuple[FrozenDict, ...], FREE] = ()  # of the shorter runs that this one extends
    rescheduled: Annotated[tuple[int, ...], NOTED] = ()  # steps at which the rate went to another curve

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        epochs, steps = self.trainer.max_epochs * self.data.steps_per_epoch, self.trainer.max_steps
        return min((number for number in (epochs, steps) if number >= 0), default=-1)


def find_rules(settings: type = RunSettings, prefix: str = "") -> dict[str, Rule]:
    """The rule of every field, by its dotted key such as `trainer.precision`."""
    rules = {} if prefix else dict(MORE_RULES)
    for _, key, kind, rule in _fields(settings):
        nested = rule is not FREE and _nested(kind)
        rules |= find_rules(kind, f"{prefix}{key}.") if nested else {f"{prefix}{key}": rule}
    return rules


RULES = find_rules()


def rule_of(key: str, rules: Mapping[str, Rule] = RULES) -> Rule:
    """The rule of a dotted key: its own, else that of the nearest section above that has one, else `DEFAULT_RULE`."""
    while key:
        if key in rules:
            return rules[key]
        key = key.rpartition(".")[0]
    return DEFAULT_RULE


def flatten(config: Mapping[str, Any], rules: Mapping[str, Rule] = RULES) -> dict[str, Any]:
    """Every setting by its dotted key, without those that are None, and with `before` of those that are absent."""
    found = {key: rule.before for key, rule in rules.items() if rule.before is not None}
    return found | {key: value for key, value in flatten_keys(config).items() if value is not None}


def folder_label(folder: str) -> str:
    """A folder by its last name, "HR" and "X4" with the one above it, wherever it lies on this machine."""
    path = PurePath(folder)
    return "/".join(path.parts[-2:]) if re.fullmatch(r"HR|[xX]\d", path.name) else path.name
