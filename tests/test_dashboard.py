"""`python -m aldsr.dashboard` as a user meets it, without a server."""

import json
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from aldsr import dashboard
from aldsr.dashboard import main
from tests.command import run_command


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read_views() -> list[dict[str, Any]]:
    return list(json.loads(Path("aldsr-dashboard.json").read_text()))


def test_offline_the_views_are_written_and_the_next_step_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(main, "--sets", "Set5", "B100", "--only", "paper", "x4") == 0
    assert re.search("aldsr-dashboard.json.*wandb login", capsys.readouterr().out, re.S)
    overview, *tables = read_views()
    assert overview["name"] == "aldsr"
    curves, scatter, predictions = (section["panels"] for section in overview["sections"])
    assert [curve["y"] for curve in curves] == [["loss"], ["psnr_y"], ["Set5/psnr_y"], ["B100/psnr_y"]]
    assert all(curve["x"] == "trainer/global_step" for curve in curves)
    assert all(curve["groupby"] == {"name": "model.conv._target_"} for curve in curves)
    costs = [(cost, f"{name}/psnr") for cost in ("parameters", "multi_adds") for name in ("Set5", "B100")]
    assert [(plot["x"]["name"], plot["y"]["name"]) for plot in scatter] == costs
    assert [panel["table_name"] for panel in predictions] == ["predictions"]

    columns = ["run:displayName", "summary:Set5/psnr", "summary:Set5/ssim", "summary:B100/psnr", "summary:B100/ssim"]
    columns += ["summary:parameters", "summary:multi_adds", "summary:training_seconds", "run:tags"]
    expected = {
        "Table I: blocks": ["in ['rdn', 'dw_rdn', 'ald_rdn']", "not in ['avg', 'max', 'none']"],
        "Table II: linearity": ["in ['dw_rdn', 'ldw_rdn']"],
        "Table III: descriptors": ["in ['ald_rdn']"],
    }
    for view, (name, conditions) in zip(tables, expected.items(), strict=True):
        runs = view["runset_settings"]
        assert view["name"] == name
        assert runs["pinned_columns"] == columns
        assert runs["order"] == [{"item": {"name": "Set5/psnr"}, "ascending": False}]
        tags = ["in ['paper']", "in ['x4']", *conditions]
        assert runs["filters"] == " and ".join(f'Metric("Tags") {condition}' for condition in tags)
    assert runs["groupby"] == [{"name": "model.conv.descriptor._target_"}]


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The views that somebody who is logged in as `me` saves: entity, and whether it was there before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from wandb_workspaces.workspaces import Workspace
    views: list[tuple[str, bool]] = []
    loaded: list[Any] = []

    def load(url: str) -> Any:
        project, name = url.removeprefix("https://wandb.ai/me/").split("?nw=")
        loaded.append(Workspace(entity="me", project=project, name=name))
        return loaded[-1]

    def save(view: Any) -> Any:
        views.append((view.entity, any(view is each for each in loaded)))
        return view

    monkeypatch.setattr(dashboard, "wandb_mode", lambda: "online")
    monkeypatch.setattr("wandb.Api", lambda: SimpleNamespace(default_entity="me"))
    monkeypatch.setattr(Workspace, "from_url", load)
    monkeypatch.setattr(Workspace, "save", save)
    monkeypatch.setattr(Workspace, "url", property(lambda view: f"https://wandb.ai/me/{view.project}?nw={view.name}"))
    return views


def test_logged_in_the_views_are_saved_and_updated_the_next_time(
    saved: list[tuple[str, bool]], capsys: pytest.CaptureFixture[str]
) -> None:
    for project in ("aldsr", "aldsr", "other"):
        assert run_command(main, "--project", project, "--sets", "Set5") == 0
        assert f"Table I: blocks: https://wandb.ai/me/{project}?nw=" in capsys.readouterr().out
        assert len(read_views()[0]["sections"]) == 3
    assert saved == [("me", False)] * 4 + [("me", True)] * 4 + [("me", False)] * 4


@pytest.mark.parametrize("cause", ["aldsr[dashboard]", "missing/views.json", "no route to host"])
def test_a_mistake_is_one_sentence(
    cause: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if cause == "aldsr[dashboard]":
        monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    elif cause == "no route to host":  # an error of W&B's
        request.getfixturevalue("saved")
        monkeypatch.setattr("wandb.Api", Mock(side_effect=ConnectionError("no route\nto host")))
    assert run_command(main, "-o", "missing/views.json") == 2
    message = capsys.readouterr().err
    assert cause in message
    assert message.count("\n") == 1
