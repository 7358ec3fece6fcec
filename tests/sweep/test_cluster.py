"""Nodes of a job, from SLURM's environment variables."""

import pytest

from aldsr.core.errors import OptionError
from aldsr.sweep.cluster import Nodes, find_nodes, first_host

SLURM = {"SLURM_NNODES": "2", "SLURM_JOB_ID": "1042", "SLURM_JOB_NODELIST": "gpu[07-08]", "SLURM_NODEID": "1"}


def test_one_node_needs_no_slurm() -> None:
    assert find_nodes(1)[:3] == (1, 0, "localhost:0")
    assert find_nodes(1).run_id != find_nodes(1).run_id


def test_slurm_names_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert find_nodes(2) == Nodes(2, 1, "gpu07:29442", "1042-0")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    assert find_nodes(2).run_id == "1042-3"
    with pytest.raises(OptionError, match="SLURM has allocated 2"):
        find_nodes(3)


def test_several_nodes_outside_of_slurm_are_an_option_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_NNODES", raising=False)
    with pytest.raises(OptionError, match=r"trainer\.num_nodes=2"):
        find_nodes(2)


@pytest.mark.parametrize(
    ("node_list", "host"), [("n1,n2", "n1"), ("gpu[07-09,12],cpu1", "gpu07"), ("r[1,3]-gpu,x", "r1-gpu")]
)
def test_the_first_host_of_a_node_list(node_list: str, host: str) -> None:
    assert first_host(node_list) == host


def test_a_node_list_without_a_host_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="SLURM_JOB_NODELIST"):
        first_host("")
