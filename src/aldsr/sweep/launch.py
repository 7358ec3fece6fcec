"""One job in one process, or in one process per device, on one machine or several.

Lightning's own launcher starts the other ranks by running the command line again, so that under a Hydra
multirun every child rank would run the whole sweep again. Here torchelastic starts them, as `torchrun`
does: ranks get the finished configuration and never see Hydra; when one fails, the others are
stopped and the job alone fails.
"""

import os
import re
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from aldsr.core.command import user_message
from aldsr.core.errors import OptionError, UserError
from aldsr.core.files import atomic_write
from aldsr.core.processes import end_with_parent


class Nodes(NamedTuple):
    """The machines that a job runs on, as torchelastic needs to know them."""

    num_nodes: int
    node_rank: int  # of this one; node 0 manages the run's folder
    endpoint: str  # "host:port" of the rendezvous
    run_id: str  # of the rendezvous, the same on all nodes


def find_nodes(num_nodes: int) -> Nodes:
    """Find the machines of this job, which asks for `num_nodes`: this one, or those that SLURM has allocated.

    Raises OptionError if SLURM has allocated another number, or more than one is asked for outside of SLURM.
    """
    if num_nodes == 1:
        return Nodes(1, 0, "localhost:0", secrets.token_hex(4))
    allocated = os.environ.get("SLURM_NNODES")
    if allocated != str(num_nodes):
        found = f"SLURM has allocated {allocated}" if allocated else "this is not a SLURM job"
        raise OptionError(f"trainer.num_nodes={num_nodes}: {found}; use hydra/launcher=slurm, which requests as many")
    job_id = os.environ["SLURM_JOB_ID"]
    # SLURM's list is compact: the first host of "gpu[07-09,12],cpu1" is gpu07.
    nodes = os.environ.get("SLURM_JOB_NODELIST", "")
    host = re.sub(r"\[([^,\-\]]+)[^\]]*\]", r"\1", nodes).split(",")[0]
    if not host:
        raise OptionError(f"SLURM_JOB_NODELIST='{nodes}': expected a list of hosts such as gpu[07-09,12]")
    run_id = f"{job_id}-{os.environ.get('SLURM_RESTART_COUNT', 0)}"
    return Nodes(num_nodes, int(os.environ["SLURM_NODEID"]), f"{host}:{29400 + int(job_id) % 1000}", run_id)


class RankError(RuntimeError):
    """A rank failed by a bug, or was killed by `signal`, which is 0 otherwise."""

    def __init__(self, rank: int, failure: ProcessFailure) -> None:
        found: Any = failure.message  # torchelastic's dict of the rank's exception, or a text if it was killed
        summary = str(found["message"] if isinstance(found, dict) else found)
        trace = found["extraInfo"]["py_callstack"] if isinstance(found, dict) else ""
        self.signal = max(0, -failure.exitcode) if not trace else 0
        super().__init__(f"rank {rank} failed: {summary}\n{trace}")


def launch(work: Callable[..., None], *arguments: Any, ranks: int, share_cpu: bool, nodes: Nodes | None = None) -> None:
    """Run `work(*arguments)`, in this process if there is one rank, else in `ranks` processes of this machine.

    Args:
        work: a function at the top level of a module; it and its arguments reach other processes by pickle.
        share_cpu: divide the cores among the ranks, for training on a CPU.
        nodes: the machines, each of which calls this; None: this one.

    Raises:
        UserError: if a rank met a mistake of the user.
        RankError: if a rank failed otherwise. With one rank, whatever `work` raises.
    """
    nodes = nodes or find_nodes(1)
    if ranks * nodes.num_nodes == 1:
        work(*arguments)
        return
    threads = max(1, (os.cpu_count() or 1) // ranks) if share_cpu else 0
    settings = LaunchConfig(
        min_nodes=nodes.num_nodes,
        max_nodes=nodes.num_nodes,
        nproc_per_node=ranks,
        rdzv_backend="c10d",
        rdzv_endpoint=nodes.endpoint,
        rdzv_configs={"is_host": nodes.node_rank == 0},
        start_method="spawn",
        max_restarts=0,
        monitor_interval=0.5,
        run_id=nodes.run_id,
    )
    with TemporaryDirectory() as folder:
        mistake = Path(folder) / "mistake.txt"
        try:
            with _signals():
                elastic_launch(settings, _rank)(work, arguments, threads, os.getpid(), mistake)
        except SignalException as error:
            raise SystemExit(128 + error.sigval) from None
        except ChildFailedError as error:
            if mistake.is_file():
                raise UserError(mistake.read_text()) from None
            raise RankError(*error.get_first_failure()) from None


@contextmanager
def _signals() -> Iterator[None]:
    """torchelastic's agent passes SIGTERM on to the ranks, which then write a checkpoint; SIGUSR1 shall do the same.

    The agent leaves its handlers behind; here they are put back.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _rank(work: Callable[..., None], arguments: Sequence[Any], threads: int, parent: int, mistake: Path) -> None:
    """Run the work; a mistake of the user is left as a sentence in the file `mistake`."""
    end_with_parent(parent, signal.SIGKILL)
    if threads:
        torch.set_num_threads(threads)
    try:
        work(*arguments)
    except Exception as error:
        if message := user_message(error):
            with atomic_write(mistake) as temporary:
                temporary.write_text(message)
        raise
