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
import time
from collections.abc import Callable, Sequence
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from aldsr.core.command import user_message
from aldsr.core.errors import OptionError, UserError
from aldsr.core.files import atomic_write
from aldsr.core.processes import end_with_parent
from aldsr.core.signals import STOP_SIGNALS, Stopped, catch_stop_signals, spare_children, stop_request, take_signals


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
    """A rank failed by a bug."""

    def __init__(self, rank: int, failure: ProcessFailure) -> None:
        found: Any = failure.message  # torchelastic's dict of the rank's exception, or a text
        summary = str(found["message"] if isinstance(found, dict) else found)
        trace = found["extraInfo"]["py_callstack"] if isinstance(found, dict) else ""
        super().__init__(f"rank {rank} failed: {summary}\n{trace}")


class RankKilledError(UserError):
    """A rank was killed by a signal."""

    def __init__(self, rank: int, number: int) -> None:
        self.status = 128 + number
        super().__init__(
            f"rank {rank} was killed by {signal.Signals(number).name}, by the system if memory was short; the same "
            "command with if_exists=continue goes on from the last checkpoint"
        )


def launch(work: Callable[..., None], *arguments: Any, ranks: int, share_cpu: bool, nodes: Nodes | None = None) -> None:
    """Run `work(*arguments)`, which reach other processes by pickle, in `ranks` processes of this machine.

    `share_cpu`: the cores are divided among them, for training on a CPU; `nodes` are the machines, each of which calls
    this.

    Raises UserError if a rank met a mistake of the user, or was killed; RankError if it failed otherwise; Stopped if a
    signal has stopped the ranks.
    """
    nodes = nodes or find_nodes(1)
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
        signals_to_handle="SIGQUIT",  # of the others its agent would end the ranks half a minute later
    )
    with TemporaryDirectory() as folder:
        mistake = Path(folder) / "mistake.txt"
        try:
            with catch_stop_signals(_pass_on), spare_children():
                elastic_launch(settings, _rank)(work, arguments, threads, os.getpid(), mistake)
        except SignalException as error:
            raise Stopped(128 + error.sigval) from None
        except ChildFailedError as error:
            if mistake.is_file():
                raise UserError(mistake.read_text()) from None
            raise _explain(*error.get_first_failure()) from None


def _pass_on(number: int, frame: FrameType | None) -> None:
    """Have the ranks stop; a terminal's Ctrl-C has told them already."""
    ranks = active_children()
    for rank in ranks:
        rank.terminate()
    stop_request.waits = bool(ranks)
    stop_request.handle(number)


def _explain(rank: int, failure: ProcessFailure) -> BaseException:
    """What to raise for the first rank that has failed."""
    if stop_request.received or failure.exitcode - 128 in STOP_SIGNALS:
        return Stopped(128 + stop_request.received if stop_request.received else failure.exitcode)
    return RankKilledError(rank, -failure.exitcode) if failure.exitcode < 0 else RankError(rank, failure)


def _rank(work: Callable[..., None], arguments: Sequence[Any], threads: int, parent: int, mistake: Path) -> None:
    """Run the work; a mistake of the user is left as a sentence in the file `mistake`."""
    end_with_parent(parent, signal.SIGKILL)
    take_signals()
    if threads:
        torch.set_num_threads(threads)
    try:
        work(*arguments)
    except Exception as error:
        if message := user_message(error):
            with atomic_write(mistake) as temporary:
                temporary.write_text(message)
        elif isinstance(error, RuntimeError):
            time.sleep(3)  # if it failed because another rank has ended, torchelastic sees that one first
        raise
