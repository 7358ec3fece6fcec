"""`python -m aldsr.dashboard` as a user meets it, without a server."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aldsr import dashboard
from aldsr.dashboard import main


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def definition(file: str = "aldsr-dashboard.json") -> dict[str, Any]:
    """The written views, by name."""
    return {view["name"]: view["spec"]["section"] for view in json.loads(Path(file).read_text())}


def panels(view: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {section["name"]: section["panels"] for section in view["panelBankConfig"]["sections"]}


def test_offline_the_definition_is_written_and_what_comes_next_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert list(definition()) == ["aldsr", "Table I: blocks", "Table II: linearity", "Table III: descriptors"]
    said = capsys.readouterr().out
    assert "aldsr-dashboard.json" in said
    assert "Next: wandb login" in said


def test_the_overview_has_curves_by_block_costs_and_predictions() -> None:
    assert main(["--sets", "Set5", "B100"]) == 0
    sections = panels(definition()["aldsr"])
    assert list(sections) == ["Curves by block", "Quality against cost", "Predictions"]
    curves = [panel["config"] for panel in sections["Curves by block"]]
    assert [curve["metrics"] for curve in curves] == [["loss"], ["psnr_y"], ["Set5/psnr_y"], ["B100/psnr_y"]]
    assert {curve["xAxis"] for curve in curves} == {"trainer/global_step"}
    assert {curve["groupBy"] for curve in curves} == {"model.value.conv._target_"}
    scatter = [(panel["config"]["xAxis"], panel["config"]["yAxis"]) for panel in sections["Quality against cost"]]
    assert scatter == [
        (f"summary:{cost}", f"summary:{name}/psnr")
        for cost in ("parameters", "multi_adds")
        for name in ("Set5", "B100")
    ]
    (table,) = sections["Predictions"]
    assert '"predictions"' in json.dumps(table)


def test_each_of_the_papers_tables_has_its_runs_and_columns() -> None:
    assert main(["--sets", "Set5", "B100", "--only", "paper", "x4"]) == 0
    views = definition()
    columns = ["run:displayName", "summary:Set5/psnr", "summary:Set5/ssim", "summary:B100/psnr", "summary:B100/ssim"]
    columns += ["summary:parameters", "summary:multi_adds", "summary:training_seconds", "run:tags"]
    wanted = {
        "Table I: blocks": [("IN", ["rdn", "dw_rdn", "ald_rdn"]), ("NIN", ["avg", "max", "none"])],
        "Table II: linearity": [("IN", ["dw_rdn", "ldw_rdn"])],
        "Table III: descriptors": [("IN", ["ald_rdn"])],
    }
    for name, conditions in wanted.items():
        (runs,) = views[name]["runSets"]
        assert runs["runFeed"]["columnOrder"] == columns
        assert runs["sort"]["keys"] == [{"key": {"section": "summary", "name": "Set5/psnr"}, "ascending": False}]
        found = [(each["op"], each["value"]) for each in runs["filters"]["filters"]]
        assert found == [("IN", ["paper"]), ("IN", ["x4"]), *conditions]
        assert {each["key"]["name"] for each in runs["filters"]["filters"]} == {"tags"}
    assert views["Table III: descriptors"]["runSets"][0]["grouping"][0]["name"].endswith("descriptor._target_")


def test_without_the_extra_one_sentence_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert main([]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install 'aldsr[dashboard]'" in said


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", "missing/views.json"]) == 2
    assert "error: missing/views.json: cannot be written" in capsys.readouterr().err


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What W&B's server is sent by somebody who is logged in as `me`."""
    from wandb_workspaces.workspaces import internal

    views: list[Any] = []

    def upsert(view: Any) -> dict[str, Any]:
        views.append(view.model_copy())
        return {"upsertView": {"view": {"id": view.id or f"id{len(views)}", "name": view.name}}}

    api = SimpleNamespace(default_entity="me", client=SimpleNamespace(app_url="https://wandb.ai"))
    monkeypatch.setattr(dashboard, "wandb_mode", lambda: "online")
    monkeypatch.setattr(internal, "upsert_view2", upsert)
    monkeypatch.setattr("wandb.Api", lambda: api)
    return views


def test_logged_in_the_views_are_saved_and_the_next_time_updated(
    sent: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert [view.entity for view in sent] == ["me"] * 4
    assert "Table I: blocks: https://wandb.ai/me/aldsr?nw=" in capsys.readouterr().out
    assert main([]) == 0
    first, again = sent[:4], sent[4:]
    assert [view.id for view in first] == [""] * 4
    assert [view.id for view in again] == ["id1", "id2", "id3", "id4"]
    assert [view.name for view in again] == [view.name for view in first]
    assert main(["--project", "other"]) == 0
    assert [view.id for view in sent[8:]] == [""] * 4


def test_what_wandb_says_is_passed_on(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wandb_workspaces.workspaces import internal

    def refuse(view: Any) -> dict[str, Any]:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(internal, "upsert_view2", refuse)
    assert main([]) == 2
    assert capsys.readouterr().err == "error: W&B did not save the views: no route to host\n"
