"""What ends a command: a sentence and a status, or a traceback."""

import argparse
import errno
import sys
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from aldsr.core.command import exit_status, plain_command, positive_int
from aldsr.core.errors import UserError
from aldsr.core.files import atomic_write


def ending(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    @plain_command(interrupted="files are kept")
    def main(argv: Sequence[str] | None = None) -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        main([])
    return end.value.code, capsys.readouterr().err


def test_a_mistake_or_ctrl_c_is_one_sentence_and_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(UserError("FILE: found\n  this"), capsys) == (2, "error: FILE: found this\n")
    for number in (errno.ENOSPC, errno.EACCES, errno.EEXIST, errno.ENOTDIR):
        assert "disk/file" in ending(OSError(number, "", "disk/file"), capsys)[1]
    with pytest.raises(IsADirectoryError) as taken, atomic_write(tmp_path) as temporary:
        temporary.touch()
    assert f"error: {tmp_path}: cannot be read or written" in ending(taken.value, capsys)[1]
    for source in (None, "source"):  # of a write, which names no file, and of a copy
        with pytest.raises(OSError, match="full") as full, atomic_write(tmp_path / "file"):
            raise OSError(errno.ENOSPC, "full", source)
        assert ending(full.value, capsys)[1].startswith(f"error: {tmp_path / 'file'}: cannot be read or written (full)")
    assert "--allow-code mine" in ending(UserError("allow it: allow_code=[mine]"), capsys)[1]
    assert ending(KeyboardInterrupt(), capsys) == (130, "interrupted: files are kept\n")


def test_a_terminal_without_a_character_shows_another_one_or_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = TextIOWrapper(BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    with exit_status():
        print("2×2 → 30 ± 1 dB … é \udc80 ─")
    stdout.seek(0)
    assert stdout.read() == "2x2 -> 30 +- 1 dB ... \\xe9 \\udc80 -\n"


def test_a_bug_keeps_its_traceback() -> None:
    @plain_command()
    def main(argv: Sequence[str] | None = None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main([])


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_only_whole_numbers_from_1_up_are_positive(text: str) -> None:
    assert positive_int("16") == 16
    with pytest.raises(argparse.ArgumentTypeError):
        positive_int(text)
