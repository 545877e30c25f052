"""Search, stars, owners, access, organizations and teams (acceptance rows 16 and 17)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.clients.npm.managers import Npm11, Pnpm11
from tests.clients.npm.packages import new_name, new_sources
from tests.clients.registry import ORGANIZATION

if TYPE_CHECKING:
    from tests.clients.npm.managers import PackageManager
    from tests.clients.npm.packages import Sources
    from tests.clients.npm.set_up import SetUp
    from tests.clients.registry import Registry
    from tests.npm_wire import NpmWire

pytestmark = pytest.mark.client


def published(npm: PackageManager) -> Sources:
    """Publish a new package."""
    sources = new_sources(npm.machine, new_name())
    npm.publish(sources.write("1.0.0"))
    return sources


def owners_of(wire: NpmWire, sources: Sources) -> set[str]:
    return {one["name"] for one in wire.packument(sources.name).json()["maintainers"]}


@pytest.fixture
def admin(npm: PackageManager, registry: Registry) -> PackageManager:
    """Each npm in the hands of the organization's owner."""
    npm.configure(registry.base, registry.people.olivia.token)
    return npm


def test_search_finds_what_the_searcher_may_read(
    npm: PackageManager, set_up: SetUp, registry: Registry
) -> None:
    sources = published(npm)
    shown = npm.run("search", sources.base_name)
    assert sources.name in shown.output
    (hit,) = npm.run("search", sources.base_name, "--json").json()
    assert (hit["name"], hit["version"]) == (sources.name, "1.0.0")
    assert hit["description"] == f"{sources.name} in a test"
    for stranger in (registry.people.oscar, None):
        found = set_up(type(npm), stranger).run("search", sources.base_name, "--json")
        assert found.json() == []


def test_owners_come_and_go(npm: PackageManager, wire: NpmWire) -> None:
    sources = published(npm)
    assert npm.run("owner", "ls", sources.name).output == "alice <alice@packhouse.test>\n"
    npm.run("owner", "add", "bob", sources.name)
    assert owners_of(wire, sources) == {"alice", "bob"}
    npm.run("owner", "rm", "bob", sources.name)
    assert owners_of(wire, sources) == {"alice"}
    assert "404" in npm.run("owner", "add", "nobody-at-all", sources.name, fails=True).errors


def test_stars_are_given_and_taken(npm: PackageManager, wire: NpmWire) -> None:
    sources = published(npm)
    npm.run("star", sources.name)
    assert sources.name in npm.run("stars").output.split()
    assert wire.packument(sources.name).json()["users"] == {"alice": True}
    npm.run("unstar", sources.name)
    assert not wire.packument(sources.name).json().get("users")


def test_pnpm_11_searches_stars_and_shows_access(
    set_up: SetUp, registry: Registry, wire: NpmWire
) -> None:
    pnpm = set_up(Pnpm11, registry.people.alice)
    sources = published(pnpm)
    assert sources.name in pnpm.run("search", sources.base_name).output
    pnpm.run("star", sources.name)
    assert sources.name in pnpm.run("stars").output.split()
    assert wire.packument(sources.name).json()["users"] == {"alice": True}
    pnpm.run("unstar", sources.name)
    assert not wire.packument(sources.name).json().get("users")
    assert pnpm.run("owner", "ls", sources.name).output.strip() == "alice <alice@packhouse.test>"
    assert "access: restricted" in pnpm.run("access", "get", "status", sources.name).output


def test_pnpm_11_changes_owners_and_lists_collaborators(
    set_up: SetUp, registry: Registry, wire: NpmWire
) -> None:
    pnpm = set_up(Pnpm11, registry.people.alice)
    sources = published(pnpm)
    pnpm.run("owner", "add", sources.name, "bob")
    assert owners_of(wire, sources) == {"alice", "bob"}
    pnpm.run("owner", "rm", sources.name, "alice")
    assert owners_of(wire, sources) == {"bob"}
    assert "at least one" in pnpm.run("owner", "rm", sources.name, "bob", fails=True).text
    assert (
        "nobody-at-all" in pnpm.run("owner", "add", sources.name, "nobody-at-all", fails=True).text
    )
    listed = pnpm.run("access", "list", "collaborators", sources.name, "--json").json()
    assert (listed["alice"], listed["bob"]) == ("write", "read")
    one = pnpm.run("access", "list", "collaborators", sources.name, "bob", "--json").json()
    assert one == {"bob": "read"}


def test_access_says_who_may_do_what(npm: PackageManager) -> None:
    sources = published(npm)
    listed = npm.run("access", "list", "collaborators", sources.name, "--json").json()
    assert listed["alice"] == "read-write"
    assert listed["bob"] == "read-only"
    assert "oscar" not in listed
    status = npm.run("access", "get", "status", sources.name).output
    assert status.strip() == f"{sources.name}: private"
    packages = npm.run("access", "list", "packages", ORGANIZATION, "--json").json()
    assert packages[sources.name] == "read-write"


def test_visibility_is_the_repository_s(npm: PackageManager) -> None:
    sources = published(npm)
    npm.run("access", "set", "status=private", sources.name)
    refused = npm.run("access", "set", "status=public", sources.name, fails=True)
    assert "is as visible as its repository acme/npm" in refused.errors


def test_members_come_and_go(admin: PackageManager, registry: Registry) -> None:
    assert admin.run("org", "ls", ORGANIZATION, "--json").json() == {"olivia": "owner"}
    admin.run("org", "set", ORGANIZATION, "oscar", "admin")
    try:
        listed = admin.run("org", "ls", ORGANIZATION, "--json").json()
        assert listed == {"olivia": "owner", "oscar": "admin"}
    finally:
        admin.run("org", "rm", ORGANIZATION, "oscar")
    assert admin.run("org", "ls", ORGANIZATION, "--json").json() == {"olivia": "owner"}
    admin.configure(registry.base, registry.people.bob.token)
    refused = admin.run("org", "set", ORGANIZATION, "bob", "owner", fails=True)
    assert "E403" in refused.errors


def test_a_team_opens_a_repository_to_its_members(
    admin: PackageManager, set_up: SetUp, registry: Registry
) -> None:
    team = f"{ORGANIZATION}:team-{secrets.token_hex(4)}"
    oscar = set_up(Npm11, registry.people.oscar)
    sources = published(admin)
    assert "E404" in oscar.run("view", sources.name, fails=True).errors
    admin.run("org", "set", ORGANIZATION, "oscar", "developer")
    try:
        admin.run("team", "create", team)
        admin.run("team", "add", team, "oscar")
        assert f"@{team}" in admin.run("team", "ls", ORGANIZATION).output
        assert admin.run("team", "ls", team, "--json").json() == ["oscar"]
        admin.run("access", "grant", "read-only", team, sources.name)
        assert oscar.run("view", sources.name, "version").output.strip() == "1.0.0"
        admin.run("access", "revoke", team, sources.name)
        assert "E404" in oscar.run("view", sources.name, fails=True).errors
        admin.run("team", "rm", team, "oscar")
        assert admin.run("team", "ls", team, "--json").json() == []
        admin.run("team", "destroy", team)
        assert team not in admin.run("team", "ls", ORGANIZATION).output
    finally:
        admin.run("org", "rm", ORGANIZATION, "oscar")
