"""One job in one process, or in one process per device, on one machine or several.

Lightning's own launcher starts the other ranks by running the command line again, so that under a Hydra
multirun every child rank would run the whole sweep again. Here torchelastic starts them, as `torchrun`
does: ranks get the finished configuration and never see Hydra; when one fails, the others are
stopped and the job alone fails.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from aldsr.study.cluster import Nodes, nodes
from aldsr.study.processes import die_with


class RankError(RuntimeError):
    """A rank failed.

    Attributes:
        kind: name of the exception it raised; empty if it was killed.
        said: the exception's message.
        signal: that killed it, or 0.
    """

    def __init__(self, rank: int, failure: ProcessFailure) -> None:
        told: Any = failure.message  # torchelastic's dict of what the rank raised, or a text if it was killed
        summary = str(told["message"] if isinstance(told, dict) else told)
        trace = told["extraInfo"]["py_callstack"] if isinstance(told, dict) else ""
        self.kind, _, self.said = summary.partition(": ") if trace else ("", "", summary)
        self.signal = max(0, -failure.exitcode) if not trace else 0
        super().__init__(f"rank {rank} failed: {summary}\n{trace}")


def launch(
    work: Callable[[dict[str, Any]], None],
    config: dict[str, Any],
    *,
    ranks: int,
    share_cpu: bool,
    among: Nodes | None = None,
) -> None:
    """Run `work(config)`, in this process if there is one rank, else in `ranks` processes of this machine.

    Args:
        work: a function at the top level of a module.
        config: plain data.
        ranks: number of processes.
        share_cpu: divide the cores among the ranks, for training on a CPU.
        among: the machines, each of which calls this; None: this one.

    Raises:
        RankError: if a rank failed. With one rank, whatever `work` raises.
    """
    among = among or nodes(1)
    if ranks * among.number == 1:
        work(config)
        return
    threads = max(1, (os.cpu_count() or 1) // ranks) if share_cpu else 0
    settings = LaunchConfig(
        min_nodes=among.number,
        max_nodes=among.number,
        nproc_per_node=ranks,
        rdzv_backend="c10d",
        rdzv_endpoint=among.endpoint,
        rdzv_configs={"is_host": among.rank == 0},
        start_method="spawn",
        max_restarts=0,
        monitor_interval=0.5,
        run_id=among.job,
    )
    try:
        with _signals():
            elastic_launch(settings, _rank)(work, config, threads, os.getpid())
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from None
    except ChildFailedError as error:
        raise RankError(*error.get_first_failure()) from None


@contextmanager
def _signals() -> Iterator[None]:
    """torchelastic's agent passes SIGTERM on to the ranks, which then write a checkpoint; SIGUSR1 shall do the same.

    The agent leaves its handlers behind; here they are put back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _rank(work: Callable[[dict[str, Any]], None], config: dict[str, Any], threads: int, parent: int) -> None:
    die_with(parent, signal.SIGKILL)
    if threads:
        torch.set_num_threads(threads)
    work(config)
