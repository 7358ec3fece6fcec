"""The layout: a file in the package's folder is a command, a folder is a library, imports run one way."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aldsr
from aldsr.__main__ import COMMANDS

PACKAGE = Path(aldsr.__file__).parent
ROOT = PACKAGE.parents[1]
MAY_IMPORT = {  # layer: what of aldsr it may import beside itself; other folders: anything but commands
    "core": set(),
    "nn": {"core"},
    "imaging": {"core"},
    "data": {"core", "imaging"},
    "training": {"core", "imaging"},
    "pictures": {"core", "imaging", "data"},
    "evaluation": {"core", "nn", "imaging", "data"},
    "bench": {"core", "nn", "imaging", "data", "evaluation", "training"},
    "analysis": {"core", "evaluation"},
    "reporting": {"core", "imaging", "evaluation", "bench", "analysis"},
}
FRAMEWORKS = {"hydra": {"command", "run", "sweep"}, "omegaconf": {"command", "run", "sweep"}}
FRAMEWORKS["lightning"] = {"command", "run", "training", "data/datamodule.py"}
FILES = sorted(PACKAGE.rglob("*.py"))
OUTSIDE = [*sorted((PACKAGE.parent / "hydra_plugins").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]


def source(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text()
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, by its full name."""
    for node in ast.walk(ast.parse(source(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else "command"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own, place = layer(path), str(path.relative_to(PACKAGE))
    for name in imported(path):
        top, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if top == "aldsr" and own in MAY_IMPORT and not part.startswith("_"):
            assert part in MAY_IMPORT[own] | {own}, f"{own} imports {name}"
        if top in FRAMEWORKS:
            assert {own, place} & FRAMEWORKS[top], f"{own} imports {name}"


@pytest.mark.parametrize("path", [*FILES, *OUTSIDE], ids=lambda path: path.name)
def test_nobody_imports_a_command(path: Path) -> None:
    itself = path.stem if path.parent == PACKAGE else ""  # a launcher needs a command by its own module's name
    found = {name.split(".")[1] for name in imported(path) if name.startswith("aldsr.")}
    assert not found & COMMANDS.keys() - {itself}


def test_every_file_in_the_packages_folder_is_a_command() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == COMMANDS.keys() | {"__init__", "__main__"}


def test_commands_that_do_not_train_start_without_what_training_needs() -> None:
    """Lightning and torchmetrics take twice as long to import as torch."""
    quick = "aldsr.compare, aldsr.doctor, aldsr.export, aldsr.figure, aldsr.upscale, aldsr.web"
    asked = f"import sys, {quick}; print({{'lightning', 'torchmetrics', 'wandb'}} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout == "set()\n"


def test_wandb_is_imported_where_it_is_used() -> None:
    """So that a run that logs to a file, and each of its ranks, starts without it."""
    for path in FILES:
        at_once = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = [alias.name for node in at_once for alias in node.names] + [
            node.module or "" for node in at_once if isinstance(node, ast.ImportFrom)
        ]
        assert "wandb" not in {name.partition(".")[0] for name in names}, path
