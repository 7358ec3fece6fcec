"""Imports run one way: see the layers in CONTRIBUTING.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aldsr

PACKAGE = Path(aldsr.__file__).parent
MAY_IMPORT = {
    "nn": {"nn"},
    "imaging": {"imaging"},
    "data": {"data", "imaging", "paths"},
    "pictures": {"pictures", "imaging", "data", "paths"},
    "training": {"training", "imaging", "paths"},
    "measure": {"measure", "nn", "imaging", "data", "paths"},
    "study": {"study", "measure", "paths"},
    "report": {"report", "study", "measure", "paths"},
}
FRAMEWORKS = {"hydra": {"study"}, "omegaconf": {"study"}, "lightning": {"training"}}
EXCEPTION = PACKAGE / "data" / "datamodule.py"  # a LightningDataModule
# A `__main__.py` is a command.
FILES = [path for layer in MAY_IMPORT for path in sorted((PACKAGE / layer).rglob("*.py")) if path.name != "__main__.py"]


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_layer_imports_only_what_lies_below_it(path: Path) -> None:
    layer = path.relative_to(PACKAGE).parts[0]
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "aldsr":
            assert rest.split(".")[0] in MAY_IMPORT[layer], f"{layer} imports {name}"
        if top in FRAMEWORKS and path != EXCEPTION:
            assert layer in FRAMEWORKS[top], f"{layer} imports {name}"


def test_commands_that_do_not_train_start_without_what_training_needs() -> None:
    """Lightning and torchmetrics take twice as long to import as torch."""
    quick = "aldsr.compare, aldsr.doctor, aldsr.export, aldsr.figure, aldsr.upscale, aldsr.web.__main__"
    asked = f"import sys, {quick}; print({{'lightning', 'torchmetrics', 'wandb'}} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_wandb_is_imported_where_it_is_used() -> None:
    """So that a run that logs to a file, and each of its ranks, starts without it."""
    for path in PACKAGE.rglob("*.py"):
        at_once = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [alias.name for node in at_once for alias in node.names] + [
            node.module or "" for node in at_once if isinstance(node, ast.ImportFrom)
        ]
        assert "wandb" not in {name.partition(".")[0] for name in names}, path
