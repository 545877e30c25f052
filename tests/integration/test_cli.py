from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from app.version import VERSION

COMMAND = Path(sys.executable).parent / "packhouse"
"""Not resolved: in a virtual environment Python is a link, and the command is beside the link."""


LOADED_LATE = ("admin", "advisories", "audit", "doctor", "gc", "org", "token", "user")


def run_elsewhere(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it where nothing but its installation leads to our modules, and no server is named."""
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(  # noqa: S603  our own arguments, no shell
        (COMMAND, *arguments), cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_the_installed_command_lists_its_commands_from_any_folder(tmp_path: Path) -> None:
    helped = run_elsewhere(tmp_path, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    listed = {line.split()[0] for line in helped.stdout.partition("Commands:")[2].splitlines()[1:]}
    assert listed == {*LOADED_LATE, "migrate", "up"}


def test_the_installed_command_loads_the_late_commands_too(tmp_path: Path) -> None:
    for name in LOADED_LATE:
        assert f"packhouse {name}" in run_elsewhere(tmp_path, name, "--help").stdout


def test_help_and_wrong_command_lines_need_no_database(tmp_path: Path) -> None:
    for arguments in (("user", "create"), ("token", "revoke"), ("audit", "export"), ("gc",)):
        helped = run_elsewhere(tmp_path, *arguments, "--help")
        assert (helped.returncode, helped.stderr) == (0, "")
    for arguments in (("user", "create"), ("token", "list", "--nonsense"), ("nothing",)):
        assert run_elsewhere(tmp_path, *arguments).returncode == 2
    refused = run_elsewhere(tmp_path, "user", "list")
    assert refused.returncode == 1
    assert "MONGODB_URL" in refused.stderr


def test_the_installed_command_says_its_version_and_what_it_lacks(tmp_path: Path) -> None:
    assert run_elsewhere(tmp_path, "--version").stdout == f"packhouse, version {VERSION}\n"
    lost = run_elsewhere(tmp_path, "migrate")
    assert lost.returncode == 1
    assert "MONGODB_URL" in lost.stderr
