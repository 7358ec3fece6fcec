"""The signals that ask a command to stop; it ends with status 128 + signal."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import Event, Thread, current_thread, main_thread
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1)
Handler = Callable[[int, FrameType | None], None]


class Stopped(SystemExit):
    """A signal has stopped what the process was doing."""


class StopRequest:
    """What this process knows of stop signals: the number of the first that it has `received`, or 0, and whether it
    `waits` to look at that by itself; else a signal stops it at once.
    """

    received = 0
    waits = False

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        """The handler of stop signals. A second Ctrl-C ends the process at once, even within a long computation."""
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
        if not self.received:
            self.received = number
            if not self.waits:
                raise Stopped(128 + number)


stop_request = StopRequest()


def handle_stop_signals(handler: Handler = stop_request.handle) -> None:
    """Have the stop signals handled, but for those that are ignored, as by `nohup`."""
    if current_thread() is main_thread():
        for number in STOP_SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)


@contextmanager
def catch_stop_signals(handler: Handler = stop_request.handle) -> Iterator[None]:
    """Have the stop signals handled meanwhile, and after one has come also until the process ends."""
    earlier = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    handle_stop_signals(handler)
    try:
        yield
    finally:
        if not stop_request.received and current_thread() is main_thread():
            for number, each in earlier.items():
                signal.signal(number, each)


@contextmanager
def spare_children() -> Iterator[None]:
    """Processes that this thread starts meanwhile get no stop signals; this one does, by another thread."""
    done = Event()
    Thread(target=done.wait, daemon=True).start()
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    resource_tracker.ensure_running()  # spared as well; if this starts it, it unblocks two of the signals here
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
        done.set()


def take_signals() -> None:
    """Take the stop signals of a process that was started in `spare_children`, in a thread of their own.

    Handlers, such as Lightning's, are not called, and no operation in which the main thread waits delays the end.
    """

    def wait() -> None:
        while True:
            number = signal.sigwait(STOP_SIGNALS)
            if not stop_request.waits:
                os._exit(128 + number)
            stop_request.received = stop_request.received or number

    Thread(target=wait, daemon=True).start()
