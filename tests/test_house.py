"""Imports run one way: see the layers in CONTRIBUTING.md."""

import ast
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
FILES = [path for layer in MAY_IMPORT for path in sorted((PACKAGE / layer).rglob("*.py"))]


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
