"""``packhouse doctor``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
import orjson

from app.command_groups import as_json_option
from app.doctor.checks import CHECKS
from app.doctor.diagnosis import Finding, Health, examine
from app.doctor.patient import Patient

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.settings import Settings

_SIGNS = {
    Health.OK: "ok     ",
    Health.WARNING: "WARNING",
    Health.FAILED: "FAILED ",
    Health.SKIPPED: "skipped",
}
_INDENT = " " * 8


def create_command(read_settings: Callable[[], Settings]) -> click.Command:
    """Return the command; it looks at the installation of these settings."""

    @click.command("doctor")
    @as_json_option
    def doctor(*, as_json: bool) -> None:
        """Look for what is wrong, and say what to do; exit with 1 where something failed."""
        findings = []
        with Patient(read_settings()) as patient:
            for finding in examine(patient, CHECKS):
                findings.append(finding)
                if not as_json:
                    click.echo(_as_text(finding))
        if as_json:
            click.echo(orjson.dumps([asdict(one) for one in findings]))
        if any(one.health is Health.FAILED for one in findings):
            sys.exit(1)

    return doctor


def _as_text(finding: Finding) -> str:
    line = f"{_SIGNS[finding.health]} {finding.check}: {finding.says}"
    return f"{line}\n{_INDENT}{finding.advice}" if finding.advice else line
