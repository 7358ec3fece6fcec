"""What a run prints when it ends."""

import json
import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from aldsr.run.messages import print_summary


def test_commands_to_copy_name_the_folder_as_the_shell_and_hydra_read_it(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = (study / "rdn-seed1").rename(study / "moved = ü {x},y")
    results = json.loads((run / "results.json").read_text())
    results["network"]["description"]["conv"] = {"_target_": "mine.Block", "inner": {"_target_": "other.f"}}
    (run / "results.json").write_text(json.dumps(results))
    print_summary(run)
    assert str(run) in shlex.split(capsys.readouterr().out.splitlines()[-1])
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.ckpt").touch()
    (run / "wandb" / "offline-run-1").mkdir(parents=True)
    print_summary(run)
    *_, upload, after = map(shlex.split, capsys.readouterr().out.splitlines())
    assert f"{run}/wandb/offline-run-*" in upload
    option = OverridesParser.create().parse_override(after[4])
    assert "allow_code=[mine,other]" in after
    assert (option.key_or_group, option.value()) == ("ckpt_path", str(run / "weights.safetensors"))
