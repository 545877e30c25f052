from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from app import audit
from app.audit import Actor, ActorType, AuditAction, Resource
from app.commands.audit import create_group
from app.models.audit import audit_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    def run_command(*arguments: str) -> Result:
        with capture_logs():  # elsewhere they go to standard error
            return CliRunner().invoke(create_group(lambda: app), arguments)

    with app.app_context():
        for number in range(3):
            audit.record(
                AuditAction.AUTH_LOGIN,
                actor=Actor(type=ActorType.USER, name="alice"),
                resource=Resource(type="session", name=str(number)),
            )
    assert json.loads(run_command("flush", "--json").output) == {"appended": 3}
    return run_command


def test_a_whole_chain_is_said_to_be_whole_and_gives_an_anchor(run: Run) -> None:
    result = run("verify")
    assert result.exit_code == 0
    words = result.output.split()
    assert run("verify", "--expect-seq", words[-2], "--expect-hash", words[-1]).exit_code == 0


def test_a_broken_chain_ends_with_an_error_that_says_where(run: Run, app: Flask) -> None:
    with app.app_context():
        audit_rows().update_one({"_id": 2}, {"$set": {"action": "auth.logout"}})
    result = run("verify")
    assert result.exit_code == 1
    assert "event 2" in result.output
    as_json = json.loads(run("verify", "--json").output)
    assert (as_json["valid"], as_json["checked"], as_json["first_bad"]) == (False, 1, 2)


def test_an_anchor_that_does_not_fit_is_found(run: Run) -> None:
    assert run("verify", "--expect-seq", "3", "--expect-hash", "0" * 64).exit_code == 1
    assert run("verify", "--expect-seq", "4", "--expect-hash", "0" * 64).exit_code == 1


@pytest.mark.parametrize(
    "options", [("--expect-seq", "3"), ("--expect-seq", "3", "--expect-hash", "abc")], ids=str
)
def test_half_an_anchor_is_refused(run: Run, options: tuple[str, ...]) -> None:
    assert run("verify", *options).exit_code == 2


def test_an_export_is_one_line_of_json_for_each_event(run: Run) -> None:
    lines = run("export", "--from-seq", "2").output.splitlines()
    assert [json.loads(line)["resource"]["name"] for line in lines] == ["1", "2"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--actor", "alice"), ["0", "1", "2"]),
        (("--actor", "bob"), []),
        (("--resource", "1"), ["1"]),
        (("--resource-type", "session", "--result", "success"), ["0", "1", "2"]),
        (("--action", "auth.logout"), []),
        (("--org", "acme"), []),
        (("--from", "2020-01-01", "--to", "2120-01-01"), ["0", "1", "2"]),
        (("--from", "2120-01-01T00:00:00Z"), []),
    ],
    ids=str,
)
def test_an_export_of_a_part(run: Run, options: tuple[str, ...], found: list[str]) -> None:
    lines = run("export", *options).output.splitlines()
    assert [json.loads(line)["resource"]["name"] for line in lines] == found


def test_a_part_has_no_first_number(run: Run) -> None:
    result = run("export", "--from-seq", "2", "--actor", "alice")
    assert result.exit_code == 2
    assert "without filters" in result.output


def test_the_operators_export_is_an_event(run: Run) -> None:
    run("export", "--actor", "alice")
    run("flush")
    (line,) = run("export", "--action", "audit.export").output.splitlines()
    assert json.loads(line)["actor"]["name"] == "operator"
    assert json.loads(line)["details"] == {"filter": {"actor": "alice"}}
