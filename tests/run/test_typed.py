"""Printed commands mean the folder that they name, read as the shell and Hydra read them."""

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from aldsr.core.quoting import shell_words
from aldsr.run.typed import hydra_text, override

NAMES = ["runs/a", "/x/a-b_1.0", "moved = ü {x},y/w", 'it\'s "so"', "${seed}", "a\\${b}", "a\\", 'a\\"', "[1]", "a b "]


@pytest.mark.parametrize("name", [*NAMES, "null", "True", "2024", "1e-3", ".5", "$HOME", "(a)", "a:b", "'q'", "#!*?~"])
def test_a_text_comes_back_from_the_shell_hydra_and_omegaconf(name: str) -> None:
    assert shlex.split(shell_words("compare", name)) == ["compare", name]
    (one,), (several,) = shlex.split(override("key", name)), shlex.split(shell_words(f"key=[{hydra_text(name)}]"))
    for word, expected in ((one, name), (several, [name])):
        value: Any = OverridesParser.create().parse_override(word).value()
        found: Any = OmegaConf.to_container(OmegaConf.create({"key": value, "seed": 3}), resolve=True)
        assert found["key"] == expected


def test_plain_names_have_no_quotes() -> None:
    assert override("run_dir", "runs/ald_rdn-det-small-x4") == "run_dir=runs/ald_rdn-det-small-x4"
