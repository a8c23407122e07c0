"""What the command line says of an error that nobody has foreseen: one sentence, whatever can still be written."""

import errno
import os
from pathlib import Path

import pytest

from deploy.local import cli


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_file_that_cannot_be_had_is_named(code: int) -> None:
    said = cli._last_words(OSError(code, os.strerror(code), "/there/clock"))
    assert said == f"Cannot write or read /there/clock ({os.strerror(code)}); RUTA_STATE may name another place."


def test_any_other_error_stands_in_the_log_and_says_nothing_of_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUTA_STATE", str(tmp_path))
    said = cli._last_words(ValueError("Yuleisy"))
    assert said == f"This should not have happened (ValueError); {tmp_path}/logs/ruta.log says where."
    assert "Yuleisy" in (tmp_path / "logs" / "ruta.log").read_text()


def test_where_nothing_can_be_written_it_is_still_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUTA_STATE", "/proc/ruta")
    said = cli._last_words(ValueError("Yuleisy"))
    assert said.startswith("This should not have happened (ValueError), and it cannot be written down: Cannot write to")
    assert "Yuleisy" not in said
    assert "\n" not in said
