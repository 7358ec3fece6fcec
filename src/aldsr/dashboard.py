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
from typing import TYPE_CHECKING, Any

from aldsr.core.command import make_parser, plain_command
from aldsr.core.errors import UserError
from aldsr.core.files import check_output, write_json
from aldsr.training.wandb import STEP, TABLE, wandb_mode

if TYPE_CHECKING:  # an extra, imported where it is needed
    from wandb_workspaces.workspaces import Section, Workspace

PAPER_SETS = ("Set5", "Set14", "B100", "Urban100", "DIV2K_valid_HR")
BLOCK, DESCRIPTOR = "model.conv._target_", "model.conv.descriptor._target_"


OVERVIEW = "aldsr"
# The views: the conditions on the tags of their runs, and the key of the runs' configuration that groups them.
VIEWS: dict[str, tuple[list[str], str]] = {
    OVERVIEW: ([], ""),
    "Table I: blocks": (["in ['rdn', 'dw_rdn', 'ald_rdn']", "not in ['avg', 'max', 'none']"], BLOCK),
    "Table II: linearity": (["in ['dw_rdn', 'ldw_rdn']"], BLOCK),
    "Table III: descriptors": (["in ['ald_rdn']"], DESCRIPTOR),
}


class DashboardError(UserError):
    """Views that cannot be built or saved."""


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Build the views; save them in W&B or only write them to a file."""
    options = parse_options(argv)
    check_output(f"-o {options.output}", options.output)
    views = build_views(options.project, sets=options.sets, only=options.only)
    online = wandb_mode() == "online"
    if online:
        views = save_views(views, options.output, entity=options.entity)
    content = [asdict(view, dict_factory=_keep_public) | ({"url": view.url} if online else {}) for view in views]
    write_json(options.output, content, indent=2)
    if online:
        print("\n".join(f"{view.name}: {view.url}" for view in views))
        print(f"To update these views, run the same command again where {options.output} is.")
    else:
        print(
            f"W&B is offline, so the {len(views)} views were only written to {options.output}. "
            "Next: wandb login, upload your runs with wandb sync, then run the same command again."
        )


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("dashboard", __doc__)
    parser.add_argument("--entity", help="user or team in W&B (default: your own)")
    parser.add_argument("--project", default="aldsr", help="project in W&B (default: aldsr)")
    parser.add_argument("--sets", nargs="+", default=PAPER_SETS, metavar="SET", help="default: the paper's sets")
    parser.add_argument("--only", nargs="+", default=(), metavar="TAG", help="runs with all these tags: paper x4")
    output = Path("aldsr-dashboard.json")
    parser.add_argument("-o", "--output", type=Path, default=output, metavar="FILE", help="default: %(default)s")
    return parser.parse_args(argv)


def build_views(project: str, *, sets: Sequence[str], only: Sequence[str] = ()) -> "list[Workspace]":
    """Build the views of the runs that have all tags of `only`; see `VIEWS`."""
    workspaces, _ = _import_workspaces()
    metrics = [f"{name}/{key}" for name in sets for key in ("psnr", "ssim")]
    columns = [f"summary:{metric}" for metric in [*metrics, "parameters", "multi_adds", "training_seconds"]]
    views = []
    for name, (conditions, group_by) in VIEWS.items():
        tags = [*(f"in {[tag]}" for tag in only), *conditions]
        settings = workspaces.RunsetSettings(
            filters=" and ".join(f'Metric("Tags") {condition}' for condition in tags),
            groupby=[workspaces.Config(group_by)] if group_by else [],  # one row for all seeds: their mean
            order=[workspaces.Ordering(workspaces.Summary(f"{sets[0]}/psnr"), ascending=False)],
            pinned_columns=[*columns, "run:tags"],
        )
        sections = build_sections(sets) if name == OVERVIEW else []
        view = {"entity": "", "project": project, "name": name, "sections": sections, "runset_settings": settings}
        views.append(workspaces.Workspace(**view))
    return views


def build_sections(sets: Sequence[str]) -> "list[Section]":
    """Build the sections of the overview: curves by block, PSNR against cost, predictions with their images."""
    workspaces, reports = _import_workspaces()
    curves = {"loss": "loss", "psnr_y": "PSNR (dB), mean of the sets"}
    curves |= {f"{name}/psnr_y": f"{name}: PSNR (dB)" for name in sets}
    costs = {"parameters": "parameters", "multi_adds": "multi-adds at 1280x720"}
    # Runs that differ only by their seed are one line with a range around it.
    by_block = {"groupby": reports.Config(BLOCK), "groupby_aggfunc": "mean", "groupby_rangefunc": "minmax"}
    panels = {
        "Curves by block": [
            reports.LinePlot(title=title, x=STEP, y=[metric], title_x="step", log_y=metric == "loss", **by_block)
            for metric, title in curves.items()
        ],
        "Quality against cost": [
            reports.ScatterPlot(
                title=f"{name}: PSNR against {title}",
                x=reports.SummaryMetric(cost),
                y=reports.SummaryMetric(f"{name}/psnr"),
                log_x=True,
            )
            for cost, title in costs.items()
            for name in sets
        ],
        "Predictions": [reports.WeavePanelSummaryTable(table_name=TABLE, layout=reports.Layout(w=24, h=16))],
    }
    return [workspaces.Section(name=name, panels=each, is_open=True) for name, each in panels.items()]


def _import_workspaces() -> tuple[Any, Any]:
    """Import wandb-workspaces, and its reports, which have the panels. Raises DashboardError if it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pydantic
            from wandb_workspaces import workspaces
            from wandb_workspaces.reports import v2 as reports
    except ImportError as error:
        raise DashboardError("wandb-workspaces is missing; install it: pip install 'aldsr[dashboard]'") from error
    return workspaces, reports


def save_views(views: "Sequence[Workspace]", file: Path, *, entity: str | None) -> "list[Workspace]":
    """Save the views in W&B, updating those of which `file` has an address. Raises DashboardError if W&B fails."""
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


def _keep_public(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in fields if value is not None and not name.startswith("_")}


if __name__ == "__main__":
    main()
