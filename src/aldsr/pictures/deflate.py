"""Compress the parts of a picture in threads, each on its own, if wanted while the next band is computed."""

import os
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
PART = 2**20  # bytes to compress at a time: larger parts save less than 0.1 %
SAMPLE = 2**16  # bytes of a part to choose by
GAIN = 0.98  # of the size, for which matching is worth up to ten times the time


def map_in_threads(
    function: Callable[[Item], Result], bands: Iterable[Sequence[Item]], *, ahead: bool
) -> Generator[Result, None, None]:
    """Yield `function` of every item of every band, in order; zlib and numpy leave Python's lock to other threads.

    Close the iterator, or what has been begun goes on. `ahead`: ask for the next band while a band's items are worked
    on, so that two are in memory.
    """
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
    running: deque[Future[Result]] = deque()
    try:
        for band in bands:
            running.extend(pool.submit(function, item) for item in band)
            while len(running) > ahead * len(band):
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def deflate(data: bytes) -> bytes:
    """Blocks of a raw stream (RFC 1951) that end at a byte's boundary, so that those of several parts can be joined.

    Runs alone compress the filtered rows of photographs as well as matches do, in a tenth of the time; patterns that
    repeat need matches. The start of the data decides.
    """
    runs, matches = (len(_compress(data[:SAMPLE], strategy)) for strategy in (zlib.Z_RLE, zlib.Z_FILTERED))
    return _compress(data, zlib.Z_FILTERED if matches < GAIN * runs else zlib.Z_RLE)


def _compress(data: bytes, strategy: int) -> bytes:
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)  # level and memory as libpng's own default
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
