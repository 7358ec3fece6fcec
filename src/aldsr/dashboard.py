"""`python -m aldsr.dashboard`: the project's saved views in W&B: curves, quality against cost, images, Tables I–III.

If you are logged in, the views are saved in the project, or updated where FILE says that they were saved before.
Otherwise only their definition is written to FILE. Exit status: 0 done, 2 for a mistake that you can correct.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aldsr.core.command import plain_command
from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write
from aldsr.training.wandb import STEP, TABLE, wandb_mode

if TYPE_CHECKING:  # an extra, imported where it is needed
    from wandb_workspaces.workspaces import Section, Workspace

PAPER_SETS = ("Set5", "Set14", "B100", "Urban100", "DIV2K_valid_HR")
BLOCK, DESCRIPTOR = "model.conv._target_", "model.conv.descriptor._target_"


class RunFilter(NamedTuple):
    """The runs of a view: with one of `tags`, with none of `excluded_tags`, grouped by a key of their config."""

    tags: Sequence[str] = ()
    excluded_tags: Sequence[str] = ()
    group_by: str = ""


OVERVIEW = "aldsr"
VIEWS = {
    OVERVIEW: RunFilter(),
    "Table I: blocks": RunFilter(["rdn", "dw_rdn", "ald_rdn"], ["avg", "max", "none"], BLOCK),
    "Table II: linearity": RunFilter(["dw_rdn", "ldw_rdn"], group_by=BLOCK),
    "Table III: descriptors": RunFilter(["ald_rdn"], group_by=DESCRIPTOR),
}


class DashboardError(UserError):
    """Views that cannot be built or saved."""


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Build the views; save them in W&B or only write them to a file."""
    options = _parser().parse_args(argv)
    views = build_views(options.project, sets=options.sets, only=options.only)
    if wandb_mode() == "online":
        views = save_views(views, options.output, entity=options.entity)
        write_views(options.output, views, urls=[view.url for view in views])
        print("\n".join(f"{view.name}: {view.url}" for view in views))
        print(f"To update these views, run the same command again where {options.output} is.")
    else:
        write_views(options.output, views)
        print(
            f"W&B is offline, so the {len(views)} views were only written to {options.output}. "
            "Next: wandb login, upload your runs with wandb sync, then run the same command again."
        )


def build_views(project: str, *, sets: Sequence[str], only: Sequence[str] = ()) -> "list[Workspace]":
    """Build the overview and one view for each of Tables I–III, of the runs that have all tags of `only`.

    Raises:
        DashboardError: if wandb-workspaces is not installed.
    """
    workspaces, _ = _import_workspaces()
    metrics = [f"{name}/{key}" for name in sets for key in ("psnr", "ssim")]
    columns = [f"summary:{metric}" for metric in [*metrics, "parameters", "multi_adds", "training_seconds"]]
    views = []
    for name, runs in VIEWS.items():
        conditions = [workspaces.Tags().isin([tag]) for tag in only]
        conditions += [workspaces.Tags().isin(list(runs.tags))] if runs.tags else []
        conditions += [workspaces.Tags().notin(list(runs.excluded_tags))] if runs.excluded_tags else []
        settings = workspaces.RunsetSettings(
            filters=workspaces.And(*conditions) if conditions else "",
            groupby=[workspaces.Config(runs.group_by)] if runs.group_by else [],  # one row for all seeds: their mean
            order=[workspaces.Ordering(workspaces.Summary(f"{sets[0]}/psnr"), ascending=False)],
            pinned_columns=[*columns, "run:tags"],
        )
        view = workspaces.Workspace(entity="", project=project, name=name, runset_settings=settings)
        view.sections = build_sections(sets) if name == OVERVIEW else []
        views.append(view)
    return views


def build_sections(sets: Sequence[str]) -> "list[Section]":
    """Build the sections of the overview: curves by block, PSNR against cost, predictions with their images."""
    workspaces, reports = _import_workspaces()

    def plot_curve(metric: str, title: str, *, log: bool = False) -> Any:
        # Runs that differ only by their seed are one line with a range around it.
        return reports.LinePlot(
            title=title,
            x=STEP,
            y=[metric],
            title_x="step",
            log_y=log,
            groupby=reports.Config(BLOCK),
            groupby_aggfunc="mean",
            groupby_rangefunc="minmax",
        )

    def plot_psnr_against(cost: str, name: str, title: str) -> Any:
        x, y = reports.SummaryMetric(cost), reports.SummaryMetric(f"{name}/psnr")
        return reports.ScatterPlot(title=f"{name}: PSNR against {title}", x=x, y=y, log_x=True)

    curves = [plot_curve("loss", "L1 loss", log=True), plot_curve("psnr_y", "PSNR (dB), mean of the sets")]
    curves += [plot_curve(f"{name}/psnr_y", f"{name}: PSNR (dB)") for name in sets]
    costs = {"parameters": "parameters", "multi_adds": "multi-adds at 1280x720"}
    scatter = [plot_psnr_against(cost, name, title) for cost, title in costs.items() for name in sets]
    predictions = reports.WeavePanelSummaryTable(table_name=TABLE, layout=reports.Layout(w=24, h=16))
    return [
        workspaces.Section(name="Curves by block", panels=curves, is_open=True),
        workspaces.Section(name="Quality against cost", panels=scatter, is_open=True),
        workspaces.Section(name="Predictions", panels=[predictions], is_open=True),
    ]


def _import_workspaces() -> tuple[Any, Any]:
    """Import the two halves of wandb-workspaces: workspaces, and reports, which has the panels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pydantic
            from wandb_workspaces import workspaces
            from wandb_workspaces.reports import v2 as reports
    except ImportError as error:
        raise DashboardError("wandb-workspaces is missing; install it: pip install 'aldsr[dashboard]'") from error
    return workspaces, reports


def save_views(views: "Sequence[Workspace]", file: Path, *, entity: str | None) -> "list[Workspace]":
    """Save the views in W&B; those that `file` lists with an address are updated.

    Raises:
        DashboardError: if W&B refuses or cannot be reached.
    """
    import wandb

    workspaces, _ = _import_workspaces()
    urls, saved = {}, []
    with suppress(OSError, ValueError, TypeError, KeyError):  # no file yet, or none of ours
        urls = {(each["entity"], each["project"], each["name"]): each["url"] for each in json.loads(file.read_text())}
    try:
        owner = entity or wandb.Api().default_entity or ""
        for view in views:
            view.entity = owner
            if url := urls.get((owner, view.project, view.name)):
                sections, settings, view = view.sections, view.runset_settings, workspaces.Workspace.from_url(url)
                view.sections, view.runset_settings = sections, settings
            saved.append(view.save())
    except Exception as error:  # of W&B, its transport or its server; all of them say what is wrong
        raise DashboardError(f"W&B did not save the views: {' '.join(str(error).split())}") from error
    return saved


def write_views(file: Path, views: "Sequence[Workspace]", *, urls: Sequence[str] = ()) -> None:
    """Write the definitions of the views as JSON, with their addresses in W&B if they were saved.

    Raises:
        DashboardError: if the file cannot be written.
    """

    def keep_public(fields: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in fields if value is not None and not name.startswith("_")}

    content = [asdict(view, dict_factory=keep_public) for view in views]
    for definition, url in zip(content, urls, strict=False):
        definition["url"] = url
    try:
        with atomic_write(file) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise DashboardError(f"{file}: cannot be written ({error.strerror}); choose another with -o") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aldsr.dashboard", description=__doc__)
    parser.add_argument("--entity", help="user or team in W&B (default: your own)")
    parser.add_argument("--project", default="aldsr", help="project in W&B (default: aldsr)")
    parser.add_argument("--sets", nargs="+", default=PAPER_SETS, metavar="SET", help="default: the paper's sets")
    parser.add_argument("--only", nargs="+", default=(), metavar="TAG", help="runs with all these tags: paper x4")
    output = Path("aldsr-dashboard.json")
    parser.add_argument("-o", "--output", type=Path, default=output, metavar="FILE", help="default: %(default)s")
    return parser


if __name__ == "__main__":
    main()
