"""`python -m aldsr.dashboard` as a user meets it, without a server."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from aldsr import dashboard
from tests.command import refuse, run_command

pytestmark = pytest.mark.needs("wandb_workspaces")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_views() -> list[dict[str, Any]]:
    return list(json.loads(Path("aldsr-dashboard.json").read_text()))


def test_offline_the_views_are_written_and_the_next_step_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(dashboard.main, "--sets", "Set5", "B100", "--only", "paper", "x4") == 0
    assert re.search("aldsr-dashboard.json.*wandb login", capsys.readouterr().out, re.S)
    overview, *tables = read_views()
    curves, scatter, predictions = (section["panels"] for section in overview["sections"])
    assert [curve["y"] for curve in curves] == [["loss"], ["psnr_y"], ["Set5/psnr_y"], ["B100/psnr_y"]]
    assert {curve["x"] for curve in curves} == {"trainer/global_step"}
    assert {curve["groupby"]["name"] for curve in curves} == {"model.conv._target_"}
    costs = [(cost, f"{name}/psnr") for cost in ("parameters", "multi_adds") for name in ("Set5", "B100")]
    assert [(plot["x"]["name"], plot["y"]["name"]) for plot in scatter] == costs
    assert [panel["table_name"] for panel in predictions] == ["predictions"]

    assert [view["name"] for view in tables] == [
        f"Table {name}" for name in ("I: blocks", "II: linearity", "III: descriptors")
    ]
    first, _, third = (view["runset_settings"] for view in tables)
    scores = [f"summary:{name}/{key}" for name in ("Set5", "B100") for key in ("psnr", "ssim")]
    costs_and_tags = ["summary:parameters", "summary:multi_adds", "summary:training_seconds", "run:tags"]
    assert first["pinned_columns"] == ["run:displayName", *scores, *costs_and_tags]
    assert first["order"] == [{"item": {"name": "Set5/psnr"}, "ascending": False}]
    conditions = ("in ['paper']", "in ['x4']", "in ['rdn', 'dw_rdn', 'ald_rdn']", "not in ['avg', 'max', 'none']")
    assert first["filters"] == " and ".join(f'Metric("Tags") {condition}' for condition in conditions)
    assert third["groupby"] == [{"name": "model.conv.descriptor._target_"}]


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The views that somebody who is logged in as `me` saves: entity, and whether it was there before."""
    workspace = dashboard._import_workspaces()[0].Workspace
    views: list[tuple[str, bool]] = []

    def load(url: str) -> Any:
        project, name = url.removeprefix("https://wandb.ai/me/").split("?nw=")
        view = workspace(entity="me", project=project, name=name)
        view._internal_name = name
        return view

    def save(view: Any) -> Any:
        views.append((view.entity, bool(view._internal_name)))
        return view

    monkeypatch.setattr(dashboard, "wandb_mode", lambda: "online")
    monkeypatch.setattr("wandb.Api", lambda: SimpleNamespace(default_entity="me"))
    monkeypatch.setattr(workspace, "from_url", load)
    monkeypatch.setattr(workspace, "save", save)
    monkeypatch.setattr(workspace, "url", property(lambda view: f"https://wandb.ai/me/{view.project}?nw={view.name}"))
    return views


def test_logged_in_the_views_are_saved_and_updated_the_next_time(
    saved: list[tuple[str, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    for project in ("aldsr", "aldsr", "other"):
        assert run_command(dashboard.main, "--project", project, "--sets", "Set5") == 0
        assert f"Table I: blocks: https://wandb.ai/me/{project}?nw=" in capsys.readouterr().out
        assert len(read_views()[0]["sections"]) == 3
    assert saved == [("me", False)] * 4 + [("me", True)] * 4 + [("me", False)] * 4


@pytest.mark.usefixtures("saved")
def test_a_mistake_is_one_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    assert "-o file/views.json" in refuse(capsys, dashboard.main, "-o", "file/views.json")
    monkeypatch.setattr("wandb.Api", Mock(side_effect=ConnectionError("no route\nto host")))
    assert "no route to host" in refuse(capsys, dashboard.main)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert "aldsr[dashboard]" in refuse(capsys, dashboard.main)
