"""Tags, deprecation and withdrawal (acceptance rows 9, 10, 11 and 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.npm.managers import Pnpm11, Yarn1, Yarn4
from tests.clients.npm.packages import installed_version, new_app, new_name, new_sources

if TYPE_CHECKING:
    from tests.clients.npm.managers import PackageManager
    from tests.clients.npm.packages import Sources
    from tests.clients.npm.set_up import SetUp
    from tests.clients.registry import Registry
    from tests.npm_wire import NpmWire

pytestmark = pytest.mark.client


def published(client: PackageManager, *versions: str) -> Sources:
    """Publish versions of a new package, in this order."""
    sources = new_sources(client.machine, new_name())
    for version in versions:
        client.publish(sources.write(version))
    return sources


def tags_of(wire: NpmWire, sources: Sources) -> dict[str, str]:
    found: dict[str, str] = wire.packument(sources.name).json()["dist-tags"]
    return found


def test_tags_are_added_listed_and_removed(maintainer: PackageManager, wire: NpmWire) -> None:
    sources = published(maintainer, "1.3.0", "1.4.0")
    maintainer.run("dist-tag", "add", f"{sources.name}@1.3.0", "beta")
    listed = maintainer.run("dist-tag", "ls", sources.name).output.splitlines()
    assert listed == ["beta: 1.3.0", "latest: 1.4.0"]
    app = new_app(maintainer.machine)
    maintainer.add(app, f"{sources.name}@beta")
    assert installed_version(app, sources.name) == "1.3.0"
    maintainer.run("dist-tag", "rm", sources.name, "beta")
    assert tags_of(wire, sources) == {"latest": "1.4.0"}


@pytest.mark.parametrize(("manager", "command"), [(Yarn1, ["tag"]), (Yarn4, ["npm", "tag"])])
def test_yarn_adds_lists_and_removes_tags(
    set_up: SetUp,
    manager: type[PackageManager],
    command: list[str],
    registry: Registry,
    wire: NpmWire,
) -> None:
    yarn = set_up(manager, registry.people.alice)
    sources = published(yarn, "1.3.0", "1.4.0")
    yarn.run(*command, "add", f"{sources.name}@1.3.0", "beta", cwd=sources.folder)
    assert "beta" in yarn.run(*command, "list", sources.name, cwd=sources.folder).output
    assert tags_of(wire, sources) == {"beta": "1.3.0", "latest": "1.4.0"}
    yarn.run(*command, "remove", sources.name, "beta", cwd=sources.folder)
    assert tags_of(wire, sources) == {"latest": "1.4.0"}


def test_the_latest_tag_stays(npm: PackageManager, wire: NpmWire) -> None:
    sources = published(npm, "1.0.0")
    refused = npm.run("dist-tag", "rm", sources.name, "latest", fails=True)
    assert "Point it at another version instead" in refused.errors
    assert tags_of(wire, sources) == {"latest": "1.0.0"}


def test_a_deprecation_is_shown_until_it_is_taken_back(npm: PackageManager, wire: NpmWire) -> None:
    sources = published(npm, "1.0.0", "2.0.0")
    old = f"{sources.name}@1.0.0"
    npm.run("deprecate", old, "use 2")
    warned = npm.add(new_app(npm.machine, "warned"), old)
    assert f"npm warn deprecated {old}: use 2" in warned.errors
    packument = wire.packument(sources.name).json()
    assert "deprecated" not in packument["versions"]["2.0.0"]
    assert packument["dist-tags"] == {"latest": "2.0.0"}
    npm.run("deprecate", old, "")
    assert "deprecated" not in npm.add(new_app(npm.machine, "quiet"), old).errors
    assert "deprecated" not in wire.packument(sources.name).json()["versions"]["1.0.0"]


def test_pnpm_11_deprecates_and_takes_it_back(
    set_up: SetUp, registry: Registry, wire: NpmWire
) -> None:
    pnpm = set_up(Pnpm11, registry.people.alice)
    sources = published(pnpm, "1.0.0", "2.0.0")
    pnpm.run("deprecate", f"{sources.name}@1.0.0", "use 2")
    versions = wire.packument(sources.name).json()["versions"]
    assert [one.get("deprecated") for one in versions.values()] == ["use 2", None]
    pnpm.run("undeprecate", f"{sources.name}@1.0.0")
    versions = wire.packument(sources.name).json()["versions"]
    assert [one.get("deprecated") for one in versions.values()] == [None, None]


def test_a_withdrawn_version_is_gone_and_never_comes_back(
    maintainer: PackageManager, wire: NpmWire
) -> None:
    sources = published(maintainer, "1.0.0", "1.1.0")
    maintainer.run("unpublish", f"{sources.name}@1.1.0")
    assert wire.tarball(sources.name, "1.1.0").status == 404
    assert tags_of(wire, sources) == {"latest": "1.0.0"}
    refused = maintainer.publish(sources.write("1.1.0"), fails=True)
    assert "Cannot publish over previously published version" in refused.text
    app = new_app(maintainer.machine)
    maintainer.add(app, sources.name)
    assert installed_version(app, sources.name) == "1.0.0"


def test_withdrawing_a_version_leaves_the_others_as_they_are(
    maintainer: PackageManager, wire: NpmWire
) -> None:
    sources = published(maintainer, "1.0.0", "1.1.0", "1.2.0")
    maintainer.run("unpublish", f"{sources.name}@1.1.0")
    assert set(wire.packument(sources.name).json()["versions"]) == {"1.0.0", "1.2.0"}
    assert tags_of(wire, sources) == {"latest": "1.2.0"}
    assert wire.tarball(sources.name, "1.0.0").status == 200


def test_a_withdrawn_package_leaves_its_name_to_its_organization(
    maintainer: PackageManager, wire: NpmWire
) -> None:
    sources = published(maintainer, "1.0.0")
    maintainer.run("unpublish", sources.name, "--force")
    assert wire.packument(sources.name).status == 404
    assert wire.tarball(sources.name, "1.0.0").status == 404
    refused = maintainer.publish(sources.write("1.0.0"), fails=True)
    assert "Cannot publish over previously published version" in refused.text
    maintainer.publish(sources.write("1.0.1"))
    assert set(wire.packument(sources.name).json()["versions"]) == {"1.0.1"}
