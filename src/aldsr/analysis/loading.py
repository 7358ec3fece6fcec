"""Reading the runs of a table, a page or a figure: those of studies, or runs named one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aldsr.analysis.budgets import check_budgets
from aldsr.analysis.study import Study, TrainingRun, check_finished, is_study, read_run, read_studies, shorten
from aldsr.analysis.variants import Variant, label, variants
from aldsr.evaluation.results import check_comparable, read_results


def read_variants(paths: Sequence[Path], *, allow_unequal_budgets: bool = False) -> tuple[Study, list[Variant]]:
    """Read a study and group its runs into variants; without a study among the paths, each run is a variant.

    Args:
        paths: folders of studies, which become one study; run folders, or their results.json.
        allow_unequal_budgets: of a study. Runs without a study may differ: the notes say so.

    Raises:
        ResultsError: if results cannot be read, or must not share a table.
    """
    in_study = any(map(is_study, paths))
    study = read_studies(paths) if in_study else _as_study([read_run(path) for path in paths])
    check_comparable({str(run.folder): run.results for run in study.runs})
    if not in_study:
        return study, _one_variant_each(study.runs)
    if not allow_unequal_budgets:
        check_budgets(study.runs)
    return study, variants(study.runs)


def read_by_label(paths: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Read results by their networks' labels; equal labels are followed by the paths.

    Args:
        paths: run folders, or their results.json.

    Raises:
        ResultsError: if results cannot be read, or must not share a table.
    """
    for path in paths:
        check_finished(path)
    results = {str(path): read_results(path) for path in paths}
    check_comparable(results)
    labels = [each["network"]["label"] for each in results.values()]
    return {
        label if labels.count(label) == 1 else f"{label} ({path})": each
        for label, (path, each) in zip(labels, results.items(), strict=True)
    }


def _as_study(runs: list[TrainingRun]) -> Study:
    return Study(shorten([run.folder.name for run in runs], limit=3), runs, [])


def _one_variant_each(runs: Sequence[TrainingRun]) -> list[Variant]:
    """Every run as a variant; equal labels are followed by the names of the folders."""
    labels, folders = [label(run) for run in runs], [run.folder.name for run in runs]
    found = []
    for own, run in zip(labels, runs, strict=True):
        folder = run.folder.name if folders.count(run.folder.name) == 1 else run.folder
        name = own if labels.count(own) == 1 else f"{own} {folder}"
        found.append(Variant(name, own, {run.seed: run}, []))
    return found
