"""`python -m aldsr.dashboard`: the project's saved views in W&B: curves, quality against cost, pictures, Tables I–III.

Logged in, the views are saved in the project and their addresses printed; run again with the same FILE, they are
updated. Else their definition is written to FILE only. Exit status: 0 done, 2 for what the user can mend.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aldsr.core.command import plain_command
from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write
from aldsr.training.wandb.logger import STEP, wandb_mode
from aldsr.training.wandb.results import TABLE

if TYPE_CHECKING:  # an extra, imported where it is needed
    from wandb_workspaces.workspaces import Section, Workspace

PAPER_SETS = ("Set5", "Set14", "B100", "Urban100", "DIV2K_valid_HR")
BLOCK, DESCRIPTOR = "model.conv._target_", "model.conv.descriptor._target_"


class Runs(NamedTuple):
    """Those that a view shows: with one of the tags and none of the others, one row for each value of a key."""

    tags: Sequence[str] = ()
    others: Sequence[str] = ()
    key: str = ""


OVERVIEW = "aldsr"
VIEWS = {
    OVERVIEW: Runs(),
    "Table I: blocks": Runs(["rdn", "dw_rdn", "ald_rdn"], ["avg", "max", "none"], BLOCK),
    "Table II: linearity": Runs(["dw_rdn", "ldw_rdn"], key=BLOCK),
    "Table III: descriptors": Runs(["ald_rdn"], key=DESCRIPTOR),
}


class DashboardError(UserError):
    """Views that cannot be built or saved."""


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Build the views, and save them in W&B or in a file."""
    options = _parser().parse_args(argv)
    views = build(options.entity or "", options.project, sets=options.sets, only=options.only)
    online = wandb_mode() == "online"
    if online:
        save(views, options.output, entity=options.entity)
    write(options.output, views)
    if online:
        for view in views:
            print(f"{view.name}: {view.url}")
        print(f"The same command with {options.output} in place updates these views.")
    else:
        names = ", ".join(view.name for view in views)
        print(
            f"W&B is offline, so the views ({names}) were only written to {options.output}. "
            "Next: wandb login, upload your runs with wandb sync, then the same command again saves them in W&B."
        )


def build(entity: str, project: str, *, sets: Sequence[str], only: Sequence[str] = ()) -> "list[Workspace]":
    """The views: an overview, then one for each of the paper's Tables I–III.

    Args:
        entity: a user or team of W&B; empty while it is not known.
        project: in W&B.
        sets: names of the benchmark sets, as the runs have them.
        only: tags; runs without one of them are left out of every view.

    Raises:
        DashboardError: if wandb-workspaces is not installed.
    """
    workspaces, _ = _library()
    metrics = [f"{name}/{key}" for name in sets for key in ("psnr", "ssim")]
    columns = [f"summary:{metric}" for metric in [*metrics, "parameters", "multi_adds", "training_seconds"]]
    built = []
    for name, (tags, others, key) in VIEWS.items():
        conditions = [workspaces.Tags().isin([tag]) for tag in only]
        conditions += [workspaces.Tags().isin(list(tags))] if tags else []
        conditions += [workspaces.Tags().notin(list(others))] if others else []
        runs = workspaces.RunsetSettings(
            filters=workspaces.And(*conditions) if conditions else "",
            groupby=[workspaces.Config(key)] if key else [],  # seeds of one network become one row, their mean
            order=[workspaces.Ordering(workspaces.Summary(f"{sets[0]}/psnr"), ascending=False)],
            pinned_columns=[*columns, "run:tags"],
        )
        view = workspaces.Workspace(entity=entity, project=project, name=name, runset_settings=runs)
        view.sections = sections(sets) if name == OVERVIEW else []
        built.append(view)
    return built


def sections(sets: Sequence[str]) -> "list[Section]":
    """The overview's sections: curves by block, PSNR against cost, predictions with their pictures."""
    workspaces, reports = _library()

    def curve(metric: str, title: str, *, log: bool = False) -> Any:
        # Runs that differ by their seed become one line, with the range around it.
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

    def against(cost: str, name: str, title: str) -> Any:
        x, y = reports.SummaryMetric(cost), reports.SummaryMetric(f"{name}/psnr")
        return reports.ScatterPlot(title=f"{name}: PSNR against {title}", x=x, y=y, log_x=True)

    curves = [curve("loss", "L1 loss", log=True), curve("psnr_y", "PSNR (dB), mean of the sets")]
    curves += [curve(f"{name}/psnr_y", f"{name}: PSNR (dB)") for name in sets]
    costs = {"parameters": "parameters", "multi_adds": "multi-adds at 1280x720"}
    scatter = [against(cost, name, title) for cost, title in costs.items() for name in sets]
    pictures = reports.WeavePanelSummaryTable(table_name=TABLE, layout=reports.Layout(w=24, h=16))
    return [
        workspaces.Section(name="Curves by block", panels=curves, is_open=True),
        workspaces.Section(name="Quality against cost", panels=scatter, is_open=True),
        workspaces.Section(name="Predictions", panels=[pictures], is_open=True),
    ]


def _library() -> tuple[Any, Any]:
    """The two halves of wandb-workspaces: workspaces, and reports, where its panels are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pydantic's
            from wandb_workspaces import workspaces
            from wandb_workspaces.reports import v2 as reports
    except ImportError as error:
        raise DashboardError(
            "the package wandb-workspaces is missing; install it with: pip install 'aldsr[dashboard]'"
        ) from error
    return workspaces, reports


def save(views: "Sequence[Workspace]", file: Path, *, entity: str | None) -> None:
    """Save the views in W&B, in place of those that `file` says were saved before.

    Raises:
        DashboardError: if W&B refuses or cannot be reached.
    """
    import wandb

    before = {each["name"]: each.get("saved", {}) for each in _read(file)}
    try:
        owner = entity or wandb.Api().default_entity or ""
        for view in views:
            view.entity = owner
            saved = before.get(view.name, {})
            if (saved.get("entity"), saved.get("project")) == (owner, view.project):
                view._internal_name, view._internal_id = saved["name"], saved["id"]
            view.save()
    except Exception as error:  # of W&B, of its transport, or of its server: all say what is wrong
        raise DashboardError(f"W&B did not save the views: {' '.join(str(error).split())}") from error


def write(file: Path, views: "Sequence[Workspace]") -> None:
    """Write the views' definitions, as W&B's server takes them, as JSON.

    Raises:
        DashboardError: if the file cannot be written.
    """
    content = [_definition(view) for view in views]
    try:
        with atomic_write(file) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise DashboardError(
            f"{file}: cannot be written ({error.strerror or error}); choose another with -o"
        ) from error


def _definition(view: "Workspace") -> dict[str, Any]:
    model = view._to_model()
    saved = {"entity": model.entity, "project": model.project, "name": model.name, "id": model.id}
    spec = json.loads(model.spec.model_dump_json(by_alias=True, exclude_none=True))
    return {"name": view.name, "project": view.project, **({"saved": saved} if model.id else {}), "spec": spec}


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        content: list[dict[str, Any]] = json.loads(file.read_text())
    except (OSError, ValueError):
        return []
    return content


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aldsr.dashboard", description=__doc__)
    parser.add_argument("--entity", help="user or team in W&B (default: your own)")
    parser.add_argument("--project", default="aldsr", help="project in W&B (default: aldsr)")
    parser.add_argument(
        "--sets", nargs="+", default=PAPER_SETS, metavar="SET", help="benchmark sets (default: ALDNet's)"
    )
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="TAG", help="runs with all these tags, such as paper x4"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("aldsr-dashboard.json"),
        metavar="FILE",
        help="where the definition goes (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
