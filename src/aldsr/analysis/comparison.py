"""The runs of a table, a page or a figure: those of studies, or named one by one."""

from collections.abc import Sequence
from pathlib import Path

from aldsr.analysis.budgets import check_budgets
from aldsr.analysis.study import Study, TrainingRun, is_study, read_run, read_studies, shorten
from aldsr.analysis.variants import Variant, label, variants
from aldsr.evaluation.results import check_comparable


def read_comparison(paths: Sequence[Path], *, allow_unequal_budgets: bool = False) -> tuple[Study, list[Variant]]:
    """A study and its variants; runs alone are a study of their own, in which each is a variant.

    Args:
        paths: studies' folders, which become one; run folders, or their results.json.
        allow_unequal_budgets: of a study. Runs alone may differ: the notes say so.

    Raises:
        ResultsError: if results cannot be read, or must not share a table.
    """
    if any(map(is_study, paths)):
        study = read_studies(paths)
        check_comparable({str(run.folder): run.results for run in study.runs})
        if not allow_unequal_budgets:
            check_budgets(study.runs)
        return study, variants(study.runs)
    runs = [read_run(path) for path in paths]
    check_comparable({str(run.folder): run.results for run in runs})
    return Study(shorten([run.folder.name for run in runs], limit=3), runs, []), by_themselves(runs)


def by_themselves(runs: Sequence[TrainingRun]) -> list[Variant]:
    """Every run as a variant; those of one label go by their folders too."""
    labels = [label(run) for run in runs]
    folders = [run.folder.name for run in runs]
    found = []
    for own, run in zip(labels, runs, strict=True):
        place = run.folder.name if folders.count(run.folder.name) == 1 else run.folder
        name = own if labels.count(own) == 1 else f"{own} {place}"
        found.append(Variant(name, own, {run.seed: run}, []))
    return found
