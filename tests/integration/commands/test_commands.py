"""The commands about accounts, tokens and organizations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from structlog.testing import capture_logs

from app import audit
from app.commands import organizations, tokens, users
from app.models.audit import audit_rows
from tests.api_client import ApiClient
from tests.npm_wire import a_publish
from tests.world import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    import click
    from click.testing import Result
    from flask import Flask

    from tests.world import Person, World

GROUPS: dict[str, Callable[[Callable[[], Flask]], click.Group]] = {
    "admin": users.create_admin_group,
    "org": organizations.create_group,
    "token": tokens.create_group,
    "user": users.create_group,
}


class Shell:
    """Runs commands beside the registry."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def run(self, group: str, *arguments: str, typed: str | None = None) -> Result:
        """Run one command to its end."""
        command = GROUPS[group](lambda: self._app)
        with capture_logs():  # elsewhere they go to standard error
            return CliRunner().invoke(command, arguments, input=typed)

    def read(self, group: str, *arguments: str, typed: str | None = None) -> Any:
        """Run one that succeeds, and return the JSON that it prints."""
        result = self.run(group, *arguments, "--json", typed=typed)
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    def lines(self, group: str, *arguments: str) -> list[Any]:
        """Run one that succeeds, and return its lines of JSON."""
        result = self.run(group, *arguments, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.output.splitlines()]

    def refused(self, group: str, *arguments: str, typed: str | None = None) -> str:
        """Run one that fails; returns what it says."""
        result = self.run(group, *arguments, typed=typed)
        assert result.exit_code == 1, result.output
        assert result.output.startswith("Error: ")
        return result.output.removeprefix("Error: ").rstrip()


@pytest.fixture
def shell(app: Flask) -> Shell:
    """Where the operator sits."""
    return Shell(app)


@pytest.fixture
def alice(world: World) -> Person:
    """A user like any other."""
    return world.person("alice")


def test_an_account_is_made_with_a_password_that_works(shell: Shell, app: Flask) -> None:
    made = shell.read("user", "create", "carol", "carol@example.test", "--display-name", "Carol")
    assert (made["username"], made["display_name"]) == ("carol", "Carol")
    assert made["is_platform_admin"] is False
    assert len(made["password"]) == 24
    wanted = {"username": "carol", "password": made["password"]}
    assert ApiClient(app).post("/auth/login", wanted).status_code == 200
    assert "password" not in shell.read("user", "show", "carol")


def test_a_password_that_is_given_is_not_printed(shell: Shell, app: Flask) -> None:
    typed = f"{PASSWORD}\n"
    made = shell.read(
        "admin", "create", "dora", "dora@example.test", "--password-stdin", typed=typed
    )
    assert made["is_platform_admin"] is True
    assert "password" not in made
    wanted = {"username": "dora", "password": PASSWORD}
    assert ApiClient(app).post("/auth/login", wanted).status_code == 200


def test_what_is_wrong_is_said_by_field(shell: Shell) -> None:
    refused = shell.refused("user", "create", "Not A Name", "nowhere")
    assert {line.partition(":")[0] for line in refused.splitlines()} == {"username", "email"}
    refused = shell.refused(
        "user", "create", "eve", "eve@example.test", "--password-stdin", typed="short\n"
    )
    assert refused.startswith("password: ")


@pytest.mark.usefixtures("alice")
def test_a_name_that_is_taken(shell: Shell) -> None:
    assert "username" in shell.refused("user", "create", "alice", "other@example.test")


def test_accounts_are_listed_changed_closed_and_opened_again(
    shell: Shell, app: Flask, alice: Person
) -> None:
    shell.read("admin", "create", "root", "root@example.test")
    assert [one["username"] for one in shell.lines("user", "list")] == ["alice", "root"]
    table = shell.run("user", "list").output.splitlines()
    assert table[0].split()[:2] == ["username", "email"]
    assert table[1].split()[0] == "alice"
    assert shell.read("user", "promote", "alice")["is_platform_admin"] is True
    assert shell.read("user", "demote", "alice")["is_platform_admin"] is False
    assert "last active platform administrator" in shell.refused("user", "demote", "root")
    assert ApiClient(app, alice).get("/auth/me").status_code == 200
    assert shell.read("user", "close", "alice")["is_active"] is False
    assert ApiClient(app, alice).get("/auth/me").status_code == 401
    assert shell.read("user", "reopen", "alice")["is_active"] is True
    assert ApiClient(app, alice).get("/auth/me").status_code == 401


def test_a_forgotten_password_is_replaced(shell: Shell, app: Flask, alice: Person) -> None:
    del alice
    made = shell.read("user", "password", "alice")["password"]
    api = ApiClient(app)
    assert api.post("/auth/login", {"username": "alice", "password": PASSWORD}).status_code == 401
    assert api.post("/auth/login", {"username": "alice", "password": made}).status_code == 200


@pytest.mark.parametrize("command", ["show", "close", "reopen", "promote", "password"])
def test_who_is_not_there(shell: Shell, command: str) -> None:
    assert shell.refused("user", command, "nobody")


def test_a_token_is_made_listed_used_and_revoked(shell: Shell, app: Flask, alice: Person) -> None:
    made = shell.read(
        "token", "create", "alice", "deploy", "--protocol", "api", "--action", "read",
        "--expires", "2030-01-01",
    )  # fmt: skip
    assert made["token"].startswith("srg_")
    assert made["expires_at"] == "2030-01-01T00:00:00+00:00"
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert app.test_client().get("/api/v1/auth/me", headers=bearer).status_code == 200
    listed = shell.lines("token", "list", "--user", "alice")
    assert {one["id"] for one in listed} == {made["id"], alice.token_id}
    assert "token" not in listed[0]
    assert shell.run("token", "revoke", made["id"]).exit_code == 0
    assert app.test_client().get("/api/v1/auth/me", headers=bearer).status_code == 401
    assert shell.refused("token", "revoke", made["id"])


def test_a_token_that_cannot_be(shell: Shell, alice: Person) -> None:
    del alice
    refused = shell.refused("token", "create", "alice", "t", "--protocol", "nothing")
    assert refused == "protocols/0: One of api, npm, oci, pypi, rubygems."
    assert shell.refused("token", "create", "nobody", "t") == "There is no user nobody."
    assert shell.run("token", "create", "alice", "t", "--expires", "soon").exit_code == 2


def test_an_organization_is_made_shown_and_deleted(shell: Shell, app: Flask, alice: Person) -> None:
    made = shell.read("org", "create", "acme", "--owner", "alice", "--display-name", "Acme")
    assert shell.read("org", "show", "acme")["id"] == made["id"]
    assert [one["slug"] for one in shell.lines("org", "list")] == ["acme"]
    members = ApiClient(app, alice).items("/organizations/acme/members")
    assert [(one["user"]["username"], one["role"]) for one in members] == [("alice", "owner")]
    body = a_publish("@acme/thing").body()
    published = app.test_client().put("/npm/@acme%2fthing", data=body, headers=alice.bearer)
    assert published.status_code == 201
    assert "repositories" in shell.refused("org", "delete", "acme")
    assert shell.run("org", "delete", "acme", "--cascade").exit_code == 0
    assert shell.lines("org", "list") == []
    assert shell.refused("org", "show", "acme") == "Not found"


def test_what_the_operator_does_is_in_the_audit(shell: Shell, world: World) -> None:
    shell.read("user", "create", "carol", "carol@example.test")
    shell.read("org", "create", "acme", "--owner", "carol")
    with world.context():
        while audit.flush():
            pass
        events = list(audit_rows().find())
    by_action = {one["action"]: one["actor"] for one in events}
    for action in ("user.create", "organization.create"):
        assert by_action[action]["type"] == "system"
        assert by_action[action]["name"] == "operator"


def test_a_program_is_told_what_was_refused_as_the_api_says_it(shell: Shell, alice: Person) -> None:
    del alice
    result = shell.run("org", "create", "No Slug", "--owner", "alice", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    problem = json.loads(result.stderr)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("validation_failed", "/slug")
    missing = json.loads(shell.run("user", "show", "nobody", "--json").stderr)
    assert missing["code"] == "not_found"
    assert missing["errors"] == []
