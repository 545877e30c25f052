from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.standalone import programs
from app.standalone.errors import CannotStart

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "#!/bin/sh\necho version 1\n"
BAD = "#!/bin/sh\necho 'libcurl.so.4: cannot open shared object file' >&2\nexit 127\n"


def program(in_wheel: Path) -> programs.Program:
    return programs.Program(
        name="wonder-server", product="WonderDB", in_wheel=in_wheel, setting="WONDER_URL"
    )


def write(file: Path, script: str, mode: int = 0o755) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(script)
    file.chmod(mode)
    return file


def test_a_program_without_its_execute_bit_is_given_it(tmp_path: Path) -> None:
    in_wheel = write(tmp_path / "wonder-server", GOOD, 0o644)
    assert programs.find(program(in_wheel), tmp_path / "private") == in_wheel


def test_the_program_on_path_is_taken_where_the_wheel_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = write(tmp_path / "bin/wonder-server", GOOD)
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert programs.find(program(tmp_path / "missing"), tmp_path / "private") == on_path


def test_no_program_names_the_three_ways_on(tmp_path: Path) -> None:
    with pytest.raises(CannotStart) as problem:
        programs.find(program(tmp_path / "missing"), tmp_path / "private")
    message = str(problem.value)
    assert "`wonder-server` is on PATH" in message
    assert "WONDER_URL" in message
    assert "deploy/compose.yaml" in message


def test_a_program_that_does_not_run_says_why(tmp_path: Path) -> None:
    in_wheel = write(tmp_path / "wonder-server", BAD)
    with pytest.raises(CannotStart, match=r"does not run:\n.*libcurl\.so\.4"):
        programs.find(program(in_wheel), tmp_path / "private")
