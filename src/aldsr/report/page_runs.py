"""The runs of a page: a study's, or those that are named one by one."""

from collections.abc import Sequence
from pathlib import Path

from aldsr.measure import ResultsError, check_comparable, read_results
from aldsr.study.budgets import check_budgets
from aldsr.study.collected import CONFIG, RESULTS, Study, StudyRun, few, is_study, read_config, read_study
from aldsr.study.variants import Variant, label, variants


def read(paths: Sequence[Path], *, allow_unequal_budgets: bool = False) -> tuple[Study, list[Variant]]:
    """A study and its variants; runs that are named are a study of their own, in which each is a variant.

    Args:
        paths: run folders or their results.json, or one study's folder.
        allow_unequal_budgets: of a study. Runs that are named may differ: the notes say so.

    Raises:
        ResultsError: if results cannot be read, or must not share a table.
    """
    if len(paths) == 1 and is_study(paths[0]):
        study = read_study(paths[0])
        check_comparable({str(run.folder): run.results for run in study.runs})
        if not allow_unequal_budgets:
            check_budgets(study.runs)
        return study, variants(study.runs)
    runs = [run_of(path) for path in paths]
    check_comparable({str(run.folder): run.results for run in runs})
    return Study(few([run.folder.name for run in runs], limit=3), runs, []), by_themselves(runs)


def run_of(path: Path) -> StudyRun:
    """The run of a folder, or of the results.json in it.

    Raises:
        ResultsError: if there is none.
    """
    folder = (path.parent if path.name == RESULTS else path).resolve()
    if path.is_dir() and not (path / RESULTS).exists():
        raise ResultsError(
            f"{path}: holds no {RESULTS}; expected a run's folder, or a single study's folder with its runs in it"
        )
    return StudyRun(folder, read_results(path), read_config(folder / CONFIG))


def by_themselves(runs: Sequence[StudyRun]) -> list[Variant]:
    """Every run as a variant; those of one label go by their folders too."""
    labels = [label(run) for run in runs]
    folders = [run.folder.name for run in runs]
    found = []
    for own, run in zip(labels, runs, strict=True):
        place = run.folder.name if folders.count(run.folder.name) == 1 else run.folder
        name = own if labels.count(own) == 1 else f"{own} {place}"
        found.append(Variant(name, own, {run.seed: run}, []))
    return found
