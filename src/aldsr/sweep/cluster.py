"""The nodes that a job runs on: this machine, or several that SLURM has allocated."""

import os
import re
import secrets
from typing import NamedTuple

from aldsr.core.errors import OptionError


class Nodes(NamedTuple):
    """The nodes of a job, as torchelastic needs to know them."""

    num_nodes: int
    node_rank: int  # of this node; node 0 manages the run's folder
    endpoint: str  # "host:port" of the rendezvous
    run_id: str  # of the rendezvous, the same on all nodes


def find_nodes(num_nodes: int) -> Nodes:
    """Find the nodes of this job, which asks for `num_nodes`.

    Raises:
        OptionError: if SLURM has allocated another number, or more than one is asked for outside of SLURM.
    """
    if num_nodes == 1:
        return Nodes(1, 0, "localhost:0", secrets.token_hex(4))
    if int(os.environ.get("SLURM_NNODES", 1)) != num_nodes:
        allocated = os.environ.get("SLURM_NNODES")
        found = f"SLURM has allocated {allocated}" if allocated else "this is not a SLURM job"
        raise OptionError(f"trainer.num_nodes={num_nodes}: {found}; use hydra/launcher=slurm, which requests as many")
    job_id = os.environ["SLURM_JOB_ID"]
    endpoint = f"{first_host(os.environ['SLURM_JOB_NODELIST'])}:{29400 + int(job_id) % 1000}"
    run_id = f"{job_id}-{os.environ.get('SLURM_RESTART_COUNT', 0)}"
    return Nodes(num_nodes, int(os.environ["SLURM_NODEID"]), endpoint, run_id)


def first_host(node_list: str) -> str:
    """First host of SLURM's compact node list: "gpu[07-09,12],cpu1" → "gpu07"."""
    host = re.sub(r"\[([^,\-\]]+)[^\]]*\]", r"\1", node_list).split(",")[0]
    if not host:
        raise OptionError(f"SLURM_JOB_NODELIST={node_list}: expected a list of hosts such as gpu[07-09,12]")
    return host
