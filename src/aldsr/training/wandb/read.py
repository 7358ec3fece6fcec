"""What W&B has recorded of a run, read back from the files of its segments.

A `.wandb` file is a LevelDB log (github.com/google/leveldb, doc/log_format.md) behind a header of W&B's, and every
entry of it a `Record` of W&B's protocol. Both are internal to W&B: this file alone knows them, and where another
version of W&B differs, nothing counts as known, with a warning.
"""

import json
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aldsr.core.files import atomic_write

BLOCK = 32768
HEADER = b":W&B\xe1\xbe\x00"  # name, magic number 0xBEE1, version 0
ENTRY = struct.Struct("<IHB")  # CRC-32 of kind and content, length, kind
DAMAGED, WHOLE, FIRST, MIDDLE, LAST = range(5)


@dataclass
class Recorded:
    """All segments of a run together, the later ones over the earlier.

    Attributes:
        segments: files read, the oldest first.
        ids: of the runs they belong to; one, unless the folder holds several runs.
        name, project, group, job_type, tags: of the run.
        rows: everything logged, in the order of logging.
        summary, config: what a table of runs shows.
        files: pictures and tables by their names in the run, and an artifact's by the artifact's name before it.
        complete: whether this version of W&B writes what can be read here.
    """

    segments: list[Path] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    complete: bool = True


def recorded(folder: str | Path, *, run_id: str = "*") -> Recorded:
    """What the segments in `folder/wandb` hold, those of offline and online runs alike.

    Args:
        folder: of the run.
        run_id: of the run, where the folder may hold others.

    A segment's end is missing where its process was killed: what lies before it is read.
    """
    found = Recorded(segments=_segments(Path(folder), run_id))
    for path in found.segments:
        media = path.parent / "files"
        found.files |= {file.relative_to(media).as_posix(): file for file in media.rglob("*") if file.is_file()}
        try:
            for record in _records(path.read_bytes()):
                _take(found, record)
        except Exception as error:  # whatever the records of another version come to
            warnings.warn(f"{path}: cannot be read with this version of wandb ({error})", stacklevel=2)
            found.complete = False
    return found


def finished(segment: Path) -> bool:
    """Whether its process came to its end and everything is written, as far as that can be read."""
    try:
        return any(record.WhichOneof("record_type") == "exit" for record in _records(segment.read_bytes()))
    except FileNotFoundError:
        return False
    except Exception:  # whatever the records of another version come to
        return True


def mend(folder: str | Path, *, run_id: str = "*") -> None:
    """Cut from offline segments what a killed process left of its last record; remove those that hold none.

    `wandb sync` stops at such a segment, leaves those after it, and the next time repeats it (wandb 0.31).
    """
    for path in _segments(Path(folder), run_id):
        content = path.read_bytes()
        if not path.parent.name.startswith("offline-") or not HEADER.startswith(content[: len(HEADER)]):
            continue
        end = max((end for _, end in _messages(content)), default=0)
        if not end:
            path.unlink()
        elif end < len(content):
            with atomic_write(path) as temporary:
                temporary.write_bytes(content[:end])


def _segments(folder: Path, run_id: str) -> list[Path]:
    """The files, the oldest first: their folders are named `offline-run-DATE_TIME-ID` or `run-DATE_TIME-ID`."""
    paths = [path for path in folder.glob(f"wandb/*/run-{run_id}.wandb") if not path.parent.is_symlink()]
    return sorted(paths, key=lambda path: path.parent.name.removeprefix("offline-"))


def _records(content: bytes) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    if content and not content.startswith(HEADER[: len(content)]):
        raise ValueError("its header is not the one expected")
    for message, _ in _messages(content):
        record = Record()
        record.ParseFromString(message)
        yield record


def _messages(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Every whole message, and where it ends; one that lacks a part is left out."""
    parts: list[bytes] = []
    for kind, part, end in _entries(content):
        if kind in (WHOLE, FIRST):
            parts = [part]
        elif kind == DAMAGED:
            parts = []
        elif parts:
            parts.append(part)
        if kind in (WHOLE, LAST) and parts:
            yield b"".join(parts), end
            parts = []


def _entries(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Kind and content of each entry, and where it ends; what is damaged is skipped up to the next block."""
    at = len(HEADER)
    while at + ENTRY.size <= len(content):
        left = BLOCK - at % BLOCK
        if left < ENTRY.size:  # too little for an entry: filled with zeros
            at += left
            continue
        check, length, kind = ENTRY.unpack_from(content, at)
        end = at + ENTRY.size + length
        if kind == DAMAGED or end > len(content) or zlib.crc32(content[at + ENTRY.size - 1 : end]) != check:
            yield DAMAGED, b"", at + left
            at += left
            continue
        yield kind, content[at + ENTRY.size : end], end
        at = end


def _take(found: Recorded, record: Any) -> None:
    """Add one record to what was found."""
    kind = record.WhichOneof("record_type")
    if kind == "run":
        run = record.run
        found.ids += [run.run_id] * (run.run_id not in found.ids)
        found.name, found.project = run.display_name, run.project
        found.group, found.job_type, found.tags = run.run_group, run.job_type, list(run.tags)
        _update(found.config, run.config)
        _update(found.summary, run.summary)
    elif kind == "config":
        _update(found.config, record.config)
    elif kind == "summary":
        _update(found.summary, record.summary)
    elif kind == "artifact":
        name, entries = record.artifact.name, record.artifact.manifest.contents
        found.files |= {f"{name}/{entry.path}": Path(entry.local_path) for entry in entries if entry.local_path}
    elif kind == "history":
        row: dict[str, Any] = {}
        for item in record.history.item:
            _put(row, _key(item), json.loads(item.value_json))
        found.rows.append(row)


def _update(content: dict[str, Any], changes: Any) -> None:
    for item in changes.update:
        _put(content, _key(item), json.loads(item.value_json))
    for item in changes.remove:
        content.pop(_key(item)[0], None)


def _key(item: Any) -> list[str]:
    return list(item.nested_key) or [item.key]


def _put(content: dict[str, Any], keys: list[str], value: Any) -> None:
    """`content[a][b] = value` for the keys [a, b]."""
    for key in keys[:-1]:
        if not isinstance(content.get(key), dict):
            content[key] = {}
        content = content[key]
    content[keys[-1]] = value
