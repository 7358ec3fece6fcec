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
LIBRARIES = {"nn", "imaging", "data", "training", "pictures", "evaluation", "bench", "analysis", "reporting", "sweep"}
MAY_IMPORT = {  # folder: the folders that it may import beside core and itself; nobody imports a command
    "core": set(),
    "nn": set(),
    "imaging": set(),
    "data": {"imaging"},
    "training": {"imaging"},
    "pictures": {"imaging", "data"},
    "evaluation": {"nn", "imaging", "data"},
    "bench": {"nn", "imaging", "data", "evaluation", "training"},
    "analysis": {"evaluation"},
    "reporting": {"imaging", "evaluation", "bench", "analysis"},
    "webapp": {"nn", "imaging", "data", "evaluation"},
    "sweep": LIBRARIES,
    "run": LIBRARIES,
    "": {*LIBRARIES, "run", "webapp"},  # commands
}
FRAMEWORKS = {
    "hydra": {"", "run", "sweep"},
    "omegaconf": {"", "run", "sweep"},
    "lightning": {"", "run", "training", "data/datamodule.py"},
}
FILES = sorted(PACKAGE.rglob("*.py"))
OUTSIDE = [*sorted((PACKAGE.parent / "hydra_plugins").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]


def source(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text()
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, by its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_parts(path: Path) -> Iterator[str]:
    """The parts of aldsr that a file imports: folders and commands."""
    for name in imported(ast.parse(source(path))):
        top, _, rest = name.partition(".")
        if top == "aldsr" and not rest.startswith("_"):
            yield rest.partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    place = path.relative_to(PACKAGE)
    folder = place.parts[0] if len(place.parts) > 1 else ""
    itself = folder or path.stem  # a launcher needs a command by its own module's name
    assert set(own_parts(path)) <= {*MAY_IMPORT[folder], "core", itself, "from_pretrained"}
    for name in imported(ast.parse(path.read_text())):
        assert {folder, str(place)} & FRAMEWORKS.get(name.partition(".")[0], {folder}), f"{place} imports {name}"


def test_launchers_and_notebooks_import_no_command() -> None:
    for path in OUTSIDE:
        assert not set(own_parts(path)) & COMMANDS.keys(), path


def test_every_file_in_the_packages_folder_is_a_command() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == COMMANDS.keys() | {"__init__", "__main__"}


@pytest.mark.slow
def test_what_does_not_train_starts_without_what_training_needs() -> None:
    """Lightning and torchmetrics take twice as long to import as torch, which aldsr itself leaves to its commands.

    W&B is imported by a run that logs to it.
    """
    quick = "aldsr.compare, aldsr.doctor, aldsr.export, aldsr.figure, aldsr.upscale, aldsr.web"
    in_turn = {"aldsr": "'torch'", quick: "'lightning', 'torchmetrics'", "aldsr.train": "'wandb'"}
    steps = [f"import {modules}; assert not {{{slow}}} & sys.modules.keys()" for modules, slow in in_turn.items()]
    subprocess.run([sys.executable, "-c", "; ".join(("import sys", *steps))], check=True)
