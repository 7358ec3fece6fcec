"""Reading the runs of a table, a page or a figure: those of studies, or runs named one by one."""

from collections.abc import Sequence
from pathlib import Path

from aldsr.analysis.budgets import find_budget_difference
from aldsr.analysis.study import Study, TrainingRun, is_study, read_run, read_studies
from aldsr.analysis.variants import Variant, group_variants, name_runs, results_label
from aldsr.core.errors import list_names
from aldsr.evaluation.results import ResultsError, check_comparable


def read_variants(paths: Sequence[Path], *, allow_unequal_budgets: bool = False) -> tuple[Study, list[Variant]]:
    """Read a study and group its runs into variants; without a study among the paths, each run is a variant.

    The paths are folders of studies, which become one, and of runs, or their results.json. Runs without a study may
    have unequal budgets: the notes say so. Raises ResultsError if results cannot be read, or must not share a table.
    """
    study = read_studies(paths)
    check_comparable({str(run.folder): run.results for run in study.runs})
    if not any(map(is_study, paths)):
        labels = [results_label(run.results) for run in study.runs]
        folders = [run.folder.name for run in study.runs]
        suffixes = [name if folders.count(name) == 1 else str(study.runs[n].folder) for n, name in enumerate(folders)]
        found = zip(unique_names(name_runs(study.runs), suffixes), labels, study.runs, strict=True)
        variants = [Variant(name, own, {run.seed: run}, []) for name, own, run in found]
        return study._replace(name=list_names(folders)), variants
    if not allow_unequal_budgets and (unequal := find_budget_difference(study.runs)):
        raise ResultsError(f"{unequal}; train them alike, or compare them all the same with --allow-unequal-budgets")
    return study, group_variants(study.runs)


def read_by_label(paths: Sequence[Path]) -> dict[str, TrainingRun]:
    """Read runs, which may lack a configuration, by names as in a study; equal names are followed by the paths.

    Raises ResultsError if a file cannot be read, or results must not share a table.
    """
    runs = {str(path): read_run(path, may_lack_config=True) for path in paths}
    check_comparable({path: run.results for path, run in runs.items()})
    names = unique_names(name_runs([*runs.values()]), [f"({path})" for path in runs])
    return dict(zip(names, runs.values(), strict=True))


def unique_names(names: Sequence[str], suffixes: Sequence[str]) -> list[str]:
    """The names; those that are not unique are followed by their suffixes."""
    return [n if names.count(n) == 1 else f"{n} {suffix}" for n, suffix in zip(names, suffixes, strict=True)]
