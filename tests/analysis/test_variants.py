"""What keeps runs apart, what they are then called, and what they are held against."""

from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.variants import Variant, find_reference
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import fake_config, fake_results, update_config, variants_by_name, write_run

MACHINE = {
    "trainer.precision": "bf16-mixed",
    "trainer.accelerator": "gpu",
    "trainer.accumulate_grad_batches": 4,
    "layout": "contiguous",
    "model.checkpoint": True,
    "run_dir": "/elsewhere",
    "if_exists": "continue",
    "logger.name": "x",
    "data.num_workers": 4,
    "data.train_dirs": ["/elsewhere/DIV2K_train_HR"],
    "data.eval_dirs": ["/elsewhere/Set5"],
    "parameters": 7,
    "version": "0.2.0",
    "descriptor._target_": "aldsr.nn.descriptors.zero",  # which the model has not taken over
    "ema": None,
}
DESCRIPTOR, OF, LIVE = "model.conv.descriptor._target_", "model.conv.descriptor.of._target_", "model.conv.live"
REDUCTION, EDSR = "model.conv.reduction", {"model._target_": "aldsr.nn.EDSR"}


def find_variants(folder: Path, *runs: tuple[str, dict[str, Any]]) -> list[Variant]:
    """The variants of runs with seeds from 1 up: of each its label and what differs from the fake configuration."""
    for seed, (label, options) in enumerate(runs, 1):
        config = update_config(fake_config(label, seed), options)
        label = label.replace("RDN", config.model._target_.rpartition(".")[2])
        write_run(folder / f"run{seed}", config, fake_results(label, {"Set5": [30.0]}))
    return list(variants_by_name(folder).values())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (MACHINE, ["ALD-RDN (det)"]),
        # stated by one, older than the option in the other
        ({"model.residual": "none", LIVE: False}, ["ALD-RDN (det)"]),
        ({REDUCTION: 8}, ["ALD-RDN (det) reduction=8", "ALD-RDN (det) reduction=32"]),
        ({"optimizer.lr": 0.0001}, ["ALD-RDN (det) lr=0.0001", "ALD-RDN (det) lr=0.001"]),
        ({"ema": 0.999}, ["ALD-RDN (det) ema=0.999", "ALD-RDN (det) ema=none"]),
        # runs older than LR's track were trained on bicubic
        ({"lr_track": "bicubic", "data.train_lr_dirs": ["/here/LR"]}, ["ALD-RDN (det)"]),
        ({"lr_track": "mild"}, ["ALD-RDN (det) lr_track=bicubic", "ALD-RDN (det) lr_track=mild"]),
        ({"something.new": 1}, ["ALD-RDN (det) new=1", "ALD-RDN (det) new=none"]),
        ({"schedule._target_": "a.b"}, ["ALD-RDN (det) schedule=a.b", "ALD-RDN (det) schedule=aldsr.training.cosine"]),
        ({DESCRIPTOR: "my.spread"}, ["ALD-RDN (det)", "ALD-RDN (spread)"]),
        ({f"{DESCRIPTOR[:-9]}.standard": True}, ["ALD-RDN (det) standard=True", "ALD-RDN (det) standard=none"]),
        (
            {"data.train_dirs": ["/here/Flickr"]},
            ["ALD-RDN (det) train_dirs=DIV2K_train_HR", "ALD-RDN (det) train_dirs=Flickr"],
        ),
    ],
)
def test_everything_but_seeds_and_machines_keeps_runs_apart(
    options: dict[str, Any], names: list[str], tmp_path: Path
) -> None:
    found = find_variants(tmp_path, ("ALD-RDN", {}), ("ALD-RDN", options))
    assert sorted(each.name for each in found) == sorted(names)
    assert sum(len(each.runs) for each in found) == 2


@pytest.mark.parametrize(
    ("runs", "names"),
    [
        (  # the paper's order, and no reduction that all share
            [
                *[("ALD-RDN", {DESCRIPTOR: f"a.{name}"}) for name in ("zero", "determinant", "maximum", "average")],
                *[(label, {}) for label in ("LDW-RDN", "DW-RDN", "RDN")],
            ],
            ["RDN", "DW-RDN", "LDW-RDN", *(f"ALD-RDN ({name})" for name in ("avg", "max", "det", "none"))],
        ),
        (  # what is made of a descriptor, and a live start
            [
                ("ALD-RDN", {}),
                ("ALD-RDN", {DESCRIPTOR: "aldsr.nn.standardised", OF: "aldsr.nn.determinant"}),
                ("ALD-RDN", {DESCRIPTOR: "aldsr.nn.scale_free", OF: "aldsr.nn.descriptors.average", LIVE: True}),
                ("ALD-RDN", {LIVE: True, REDUCTION: 8}),
            ],
            [
                "ALD-RDN (det) reduction=32",
                "ALD-RDN (avg, scale-free, live) reduction=32",
                "ALD-RDN (det, live) reduction=8",
                "ALD-RDN (det, standardised) reduction=32",
            ],
        ),
        # another size is told even of another block
        ([("RDN", {"model.D": 4}), ("LDW-RDN", {})], ["RDN D=4", "LDW-RDN D=16"]),
        # blocks of one name from two packages
        (
            [("RDN", {}), ("RDN", {"model.conv._target_": "other.StandardBlock"})],
            ["RDN conv=aldsr.nn.StandardBlock", "RDN conv=other.StandardBlock"],
        ),
        # a kernel is told even of another block
        ([("RDN", {}), ("LDW-RDN", {"model.conv.kernel_size": 5})], ["RDN", "LDW-RDN (5x5)"]),
        ([("LDW-RDN", {}), ("LDW-RDN", {"model.conv.gain": 1.5})], ["LDW-RDN", "LDW-RDN (gain=1.5)"]),
        # by backbone, then by block; the options of one are not those of another
        (
            [("LDW-RDN", {}), ("RDN", EDSR), ("LDW-RDN", {**EDSR, "model.n_feats": 8}), ("RDN", {})],
            ["RDN", "LDW-RDN", "EDSR n_feats=256", "LDW-EDSR n_feats=8"],
        ),
        # numbers in their own order
        ([("ALD-RDN", {REDUCTION: n}) for n in (32, 8, 16)], [f"ALD-RDN (det) reduction={n}" for n in (8, 16, 32)]),
    ],
)
def test_names_and_their_order(runs: list[tuple[str, dict[str, Any]]], names: list[str], tmp_path: Path) -> None:
    assert [each.name for each in find_variants(tmp_path, *runs)] == names


ALD = [f"ALD-RDN ({name})" for name in ("avg", "det", "none")]


@pytest.mark.parametrize(
    ("names", "against", "expected"),
    [
        ([*ALD, "DW-RDN", "RDN"], None, "RDN"),
        ([*ALD, "LDW-RDN", "DW-RDN"], None, "DW-RDN"),
        (ALD, None, "ALD-RDN (none)"),  # the control
        (["LDW-RDN", "ALD-RDN (det)"], None, "LDW-RDN"),
        (["RDN", *ALD], "ALD-RDN (det)", "ALD-RDN (det)"),
        (["RDN", "ALD-RDN (det)"], "ald-rdn", "ALD-RDN (det)"),
    ],
)
def test_the_reference(names: list[str], against: str | None, expected: str) -> None:
    assert find_reference([Variant(name, name, {}, []) for name in names], against).name == expected


@pytest.mark.parametrize(("against", "fault"), [("ALD-RDN", "more than one"), ("RDN", r".*ALD-RDN \(det\)")])
def test_a_reference_that_is_none_or_not_one_is_refused(against: str, fault: str) -> None:
    with pytest.raises(ResultsError, match=f"--against '{against}': {fault}"):
        find_reference([Variant(name, name, {}, []) for name in ALD], against)
