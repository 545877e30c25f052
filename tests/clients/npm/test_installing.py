"""Installing with every client (acceptance rows 5, 6, 20 and 21), and a tree of packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.clients.npm.managers import Npm11, Yarn1, Yarn4
from tests.clients.npm.packages import call, installed_version, new_app, new_name, new_sources
from tests.clients.npm.set_up import SetUp
from tests.clients.recorder import recording
from tests.clients.registry import base_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.npm.managers import PackageManager
    from tests.clients.recorder import Recorder
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client


@pytest.fixture
def recorder(registry: Registry) -> Iterator[Recorder]:
    """Writes down what clients ask of the registry."""
    with recording(registry.origin) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def tree(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names of published packages, of which each needs the next two: the root comes first.

    All tests read the same ones.
    """
    npm = SetUp(registry, tmp_path_factory.mktemp("author"))(Npm11, registry.people.alice)
    root, left, right, leaf = (
        new_name(base) for base in ("@acme/root", "left", "@acme/right", "leaf")
    )
    for name, needed in (
        (leaf, {}),
        (left, {leaf: "~1.0.0"}),
        (right, {leaf: "^1.0.0"}),
        (root, {left: "1.x", right: ">=1.0.0 <2"}),
    ):
        npm.publish(new_sources(npm.machine, name).write("1.0.0", needed))
    return [root, left, right, leaf]


def packages_of(tree: list[str]) -> list[str]:
    """Return what the root's function says: itself, and what each of its needs says."""
    root, left, right, leaf = (f"{name}@1.0.0" for name in tree)
    return [root, left, leaf, right, leaf]


def test_a_tree_is_installed_and_works(
    client: PackageManager, tree: list[str], registry: Registry
) -> None:
    app = new_app(client.machine)
    client.add(app, tree[0])
    assert call(client.machine, app, tree[0]) == packages_of(tree)
    assert all(url.startswith(registry.base) for url in client.locked_urls(app))


def reads_of(tree: list[str], recorder: Recorder) -> list[str]:
    """Return what has been read of these packages.

    Not all that has been read: clients also ask for newer releases of themselves.
    """
    reads = [one for one in recorder.take() if one.method == "GET"]
    return [str(one) for one in reads if any(name in unquote(one.path) for name in tree)]


def test_a_second_install_asks_only_whether_anything_changed(
    set_up: SetUp,
    manager: type[PackageManager],
    registry: Registry,
    recorder: Recorder,
    tree: list[str],
) -> None:
    client = set_up(manager, registry.people.alice, base_at(recorder.origin))
    client.add(new_app(client.machine, "first"), tree[0])
    assert [one for one in reads_of(tree, recorder) if one.endswith(".tgz 200")]
    client.add(new_app(client.machine, "second"), tree[0])
    again = [one for one in reads_of(tree, recorder) if not one.endswith(" 304")]
    if not manager.keeps_packuments:
        again = [one for one in again if ".tgz" in one]
    assert again == []


def test_a_lockfile_alone_is_enough_on_a_new_machine(
    set_up: SetUp,
    manager: type[PackageManager],
    registry: Registry,
    recorder: Recorder,
    tree: list[str],
) -> None:
    base = base_at(recorder.origin)
    author = set_up(manager, registry.people.alice, base)
    app = new_app(author.machine)
    author.add(app, tree[0])
    colleague = set_up(manager, registry.people.bob, base)
    recorder.take()
    copy = colleague.clone(app)
    colleague.install_locked(copy)
    assert call(colleague.machine, copy, tree[0]) == packages_of(tree)
    reads = reads_of(tree, recorder)
    assert len(reads) == len(tree)
    assert [one for one in reads if not one.endswith(".tgz 200")] == []


def test_nobody_in_particular_installs_nothing_private(
    set_up: SetUp, manager: type[PackageManager], tree: list[str]
) -> None:
    client = set_up(manager, None)
    app = new_app(client.machine)
    refused = client.add(app, tree[0], fails=True)
    assert re.search("401|must sign in|authentication", refused.text), refused
    assert not (app / "node_modules" / tree[0]).exists()


def test_an_outsider_does_not_learn_what_is_private(
    set_up: SetUp, manager: type[PackageManager], registry: Registry, tree: list[str]
) -> None:
    client = set_up(manager, registry.people.oscar)
    app = new_app(client.machine)
    refused = client.add(app, tree[0], fails=True)
    assert re.search("404|[Nn]ot found", refused.text), refused


def test_yarn_1_reads_unscoped_packages_only_with_always_auth(
    set_up: SetUp, registry: Registry, tree: list[str]
) -> None:
    yarn = set_up(Yarn1, registry.people.alice)
    unscoped = tree[1]
    app = new_app(yarn.machine)
    yarn.add(app, unscoped)
    assert installed_version(app, unscoped) == "1.0.0"
    without = set_up(Yarn1, None)
    without.configure(registry.base, registry.people.alice.token, always_auth=False)
    refused = without.add(new_app(without.machine), unscoped, fails=True)
    assert "You must sign in" in refused.text


def test_yarn_4_takes_young_versions_only_of_packages_it_is_told_of(
    set_up: SetUp, registry: Registry, tree: list[str]
) -> None:
    yarn = set_up(Yarn4, registry.people.alice)
    config = yarn.machine.home / ".yarnrc.yml"
    careful = config.read_text().replace("npmMinimalAgeGate: 0\n", "")
    config.write_text(careful)
    right = tree[2]
    refused = yarn.add(new_app(yarn.machine, "careful"), right, fails=True)
    assert "quarantined" in refused.text
    config.write_text(f'{careful}npmPreapprovedPackages: ["@acme/*", "leaf-*"]\n')
    app = new_app(yarn.machine, "trusting")
    yarn.add(app, right)
    assert installed_version(app, right) == "1.0.0"
