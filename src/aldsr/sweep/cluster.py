"""Where a job runs: on this machine alone, or on several nodes that SLURM has given it."""

import os
import re
import secrets
from typing import NamedTuple


class Nodes(NamedTuple):
    """The machines of a job.

    Attributes:
        number: of machines.
        rank: of this one; the first one looks after the run's folder.
        endpoint: "host:port" where they meet.
        job: a word that only they know.
    """

    number: int
    rank: int
    endpoint: str
    job: str


def nodes(number: int) -> Nodes:
    """The nodes of this job.

    Args:
        number: how many the configuration asks for.

    Raises:
        ValueError: if SLURM has given another number, or there is no SLURM to give more than one.
    """
    if number == 1:
        return Nodes(1, 0, "localhost:0", secrets.token_hex(4))
    given = int(os.environ.get("SLURM_NNODES", 1))
    if given != number:
        where = f"SLURM has given {given}" if "SLURM_NNODES" in os.environ else "this is no SLURM job"
        raise ValueError(f"trainer.num_nodes={number}: {where}; use hydra/launcher=slurm, which asks for as many")
    job = os.environ["SLURM_JOB_ID"]
    port = 29400 + int(job) % 1000
    endpoint = f"{first_host(os.environ['SLURM_JOB_NODELIST'])}:{port}"
    word = f"{job}-{os.environ.get('SLURM_RESTART_COUNT', 0)}"
    return Nodes(number, int(os.environ["SLURM_NODEID"]), endpoint, word)


def first_host(hosts: str) -> str:
    """The first of SLURM's list of hosts: "gpu[07-09,12],cpu1" → "gpu07"."""
    match = re.match(r"([^,\[]+)(?:\[([^,\-\]]+)[^\]]*\]([^,\[]*))?", hosts)
    if match is None:
        raise ValueError(f"SLURM_JOB_NODELIST={hosts}: cannot be read as a list of hosts")
    return "".join(part or "" for part in match.groups())
