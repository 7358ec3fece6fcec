"""What keeps runs apart, what they are then called, and what they are held against."""

from pathlib import Path
from typing import Any

import pytest

from aldsr.analysis.variants import find_reference
from aldsr.evaluation.results import ResultsError
from tests.analysis.fake_runs import change_config, variants_by_name, write_variant

TABLE = {"Set5": [[30.0, 31.0], [32.0, 33.0]]}
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


def test_seeds_and_machines_make_no_variant(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", TABLE)
    change_config(tmp_path / "rdn-determinant-seed2", MACHINE)
    found = variants_by_name(tmp_path)
    assert list(found) == ["RDN"]
    assert list(found["RDN"].runs) == [1, 2]


def test_variants_come_in_the_papers_order_told_apart_by_descriptor(tmp_path: Path) -> None:
    for descriptor in ("zero", "determinant", "maximum", "average"):
        write_variant(tmp_path, "ALD-RDN", TABLE, descriptor=descriptor)
    for label in ("LDW-RDN", "DW-RDN", "RDN"):
        write_variant(tmp_path, label, TABLE)
    ald = [f"ALD-RDN ({name})" for name in ("avg", "max", "det", "none")]
    assert list(variants_by_name(tmp_path)) == ["RDN", "DW-RDN", "LDW-RDN", *ald]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"model.conv.reduction": 8}, ["ALD-RDN (det) reduction=8", "ALD-RDN (det) reduction=32"]),
        ({"optimizer.lr": 0.0001}, ["ALD-RDN (det) lr=0.0001", "ALD-RDN (det) lr=0.001"]),
        ({"ema": 0.999}, ["ALD-RDN (det) ema=0.999", "ALD-RDN (det) ema=none"]),
        ({"something.new": 1}, ["ALD-RDN (det) new=1", "ALD-RDN (det) new=none"]),
        ({"schedule._target_": "a.halved"}, ["ALD-RDN (det) schedule=a.halved", "ALD-RDN (det) schedule=aldsr.tr"]),
        ({"model.conv.descriptor._target_": "my.spread"}, ["ALD-RDN (det)", "ALD-RDN (spread)"]),
        ({"model.conv.descriptor.standard": True}, ["ALD-RDN (det) standard=True", "ALD-RDN (det) standard=none"]),
        ({"data.train_dirs": ["/here/Flickr"]}, ["ALD-RDN (det) train_dirs=DIV2K_train_HR", "ALD-RDN (det) train_dir"]),
    ],
)
def test_whatever_else_differs_keeps_them_apart(options: dict[str, Any], names: list[str], tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", TABLE)
    change_config(tmp_path / "ald-rdn-determinant-seed2", options)
    found = list(variants_by_name(tmp_path))
    assert len(found) == 2
    assert all(any(name.startswith(expected) for name in found) for expected in names)


def test_what_is_made_of_a_descriptor_and_a_live_start_are_in_the_label(tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", {"Set5": [[30.0], [31.0], [32.0], [33.0]]})
    descriptor, of = ("model.conv.descriptor" + end for end in ("._target_", ".of._target_"))
    changes: list[dict[str, Any]] = [
        {},
        {descriptor: "aldsr.nn.standardised", of: "aldsr.nn.determinant"},
        {descriptor: "aldsr.nn.scale_free", of: "aldsr.nn.descriptors.average", "model.conv.live": True},
        {"model.conv.live": True, "model.conv.reduction": 8},
    ]
    for seed, options in enumerate(changes, 1):
        change_config(tmp_path / f"ald-rdn-determinant-seed{seed}", options)
    names = {"det": 32, "avg, scale-free, live": 32, "det, live": 8, "det, standardised": 32}
    assert list(variants_by_name(tmp_path)) == [f"ALD-RDN ({words}) reduction={r}" for words, r in names.items()]


def test_a_network_whose_file_lacks_an_option_is_that_of_the_options_old_value(tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", TABLE)
    options = {"model.residual": "none", "model.conv.live": False}  # stated by one, older than the option in the other
    change_config(tmp_path / "ald-rdn-determinant-seed2", options)
    assert list(variants_by_name(tmp_path)) == ["ALD-RDN (det)"]


def test_a_reduction_that_all_share_is_not_told_whatever_their_descriptors(tmp_path: Path) -> None:
    for descriptor in ("average", "determinant"):
        write_variant(tmp_path, "ALD-RDN", TABLE, descriptor=descriptor)
    assert list(variants_by_name(tmp_path)) == ["ALD-RDN (avg)", "ALD-RDN (det)"]


def test_another_size_is_told_even_of_another_block(tmp_path: Path) -> None:
    for label in ("RDN", "LDW-RDN"):
        write_variant(tmp_path, label, TABLE)
    for seed in (1, 2):
        change_config(tmp_path / f"rdn-determinant-seed{seed}", {"model.D": 4})
    assert list(variants_by_name(tmp_path)) == ["RDN D=4", "LDW-RDN D=16"]


def test_a_blocks_own_options_are_no_difference_from_other_blocks(tmp_path: Path) -> None:
    for label in ("RDN", "ALD-RDN"):
        write_variant(tmp_path, label, TABLE)
    assert list(variants_by_name(tmp_path)) == ["RDN", "ALD-RDN (det)"]


def test_blocks_of_one_name_from_two_packages_are_told_apart(tmp_path: Path) -> None:
    write_variant(tmp_path, "RDN", TABLE)
    change_config(tmp_path / "rdn-determinant-seed2", {"model.conv._target_": "other.StandardBlock"})
    assert list(variants_by_name(tmp_path)) == ["RDN conv=aldsr.nn.StandardBlock", "RDN conv=other.StandardBlock"]


def test_numbers_are_in_their_own_order(tmp_path: Path) -> None:
    write_variant(tmp_path, "ALD-RDN", {"Set5": [[30.0], [31.0], [32.0]]})
    for seed, reduction in ((1, 32), (2, 8), (3, 16)):
        change_config(tmp_path / f"ald-rdn-determinant-seed{seed}", {"model.conv.reduction": reduction})
    assert [name.rpartition("=")[2] for name in variants_by_name(tmp_path)] == ["8", "16", "32"]


def test_of_runs_that_repeat_a_seed_the_first_by_name_counts(tmp_path: Path) -> None:
    for descriptor in ("average", "zero"):  # which RDN does not take
        write_variant(tmp_path, "RDN", TABLE, descriptor=descriptor)
    (found,) = variants_by_name(tmp_path).values()
    assert [run.folder.name for run in found.runs.values()] == ["rdn-average-seed1", "rdn-average-seed2"]
    assert [run.folder.name for run in found.repeated] == ["rdn-zero-seed1", "rdn-zero-seed2"]


@pytest.mark.parametrize(
    ("labels", "against", "expected"),
    [
        (["ALD-RDN", "DW-RDN", "RDN"], None, "RDN"),
        (["ALD-RDN", "LDW-RDN", "DW-RDN"], None, "DW-RDN"),
        (["ALD-RDN", "LDW-RDN"], None, "LDW-RDN"),
        (["ALD-RDN", "RDN"], "ALD-RDN (det)", "ALD-RDN (det)"),
        (["ALD-RDN", "RDN"], "ald-rdn", "ALD-RDN (det)"),
    ],
)
def test_the_reference(labels: list[str], against: str | None, expected: str, tmp_path: Path) -> None:
    for label in labels:
        write_variant(tmp_path, label, TABLE)
    assert find_reference(list(variants_by_name(tmp_path).values()), against).name == expected


def test_among_descriptors_the_control_is_the_reference(tmp_path: Path) -> None:
    for descriptor in ("determinant", "average", "zero"):
        write_variant(tmp_path, "ALD-RDN", TABLE, descriptor=descriptor)
    found = list(variants_by_name(tmp_path).values())
    assert find_reference(found, None).name == "ALD-RDN (none)"
    with pytest.raises(ResultsError, match=r"--against 'ALD-RDN': more than one"):
        find_reference(found, "ALD-RDN")
    with pytest.raises(ResultsError, match=r"--against 'RDN': .*ALD-RDN \(det\)"):
        find_reference(found, "RDN")
