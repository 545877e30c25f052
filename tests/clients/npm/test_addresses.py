"""By which addresses clients find the registry and its packages (acceptance rows 0, 7 and 26)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.clients.certificates import self_signed
from tests.clients.npm.managers import Npm11
from tests.clients.npm.packages import call, new_app, new_name, new_sources
from tests.clients.recorder import recording
from tests.clients.registry import base_at
from tests.live import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.npm.managers import PackageManager
    from tests.clients.npm.set_up import SetUp
    from tests.clients.registry import Registry
    from tests.npm_wire import NpmWire

pytestmark = pytest.mark.client

ANOTHER_HOST = "registry.example.test"
_CONFIGURED = re.compile(r"registry=(http\S+)")


@pytest.mark.parametrize(
    "path", ["/npm/", "/o/acme/npm/", "/o/acme/", "/r/acme/npm/npm/", "/r/acme/npm/"]
)
def test_each_scope_is_a_registry(set_up: SetUp, registry: Registry, path: str) -> None:
    base = registry.origin + path
    npm = set_up(Npm11, registry.people.alice, base)
    sources = new_sources(npm.machine, new_name())
    npm.publish(sources.write("1.0.0"))
    app = new_app(npm.machine)
    npm.add(app, sources.name)
    assert call(npm.machine, app, sources.name) == [f"{sources.name}@1.0.0"]
    assert all(url.startswith(base) for url in npm.locked_urls(app))


def test_npm_publishes_only_where_the_address_ends_with_a_slash(
    npm: PackageManager, registry: Registry
) -> None:
    sources = new_sources(npm.machine, new_name())
    npm.publish(sources.write("1.0.0"))
    config = npm.machine.home / ".npmrc"
    lines = config.read_text().replace(
        f"registry={registry.base}", f"registry={registry.base.removesuffix('/')}"
    )
    config.write_text(lines)
    npm.add(new_app(npm.machine), sources.name)
    refused = npm.publish(sources.write("1.1.0"), fails=True)
    assert "ENEEDAUTH" in refused.errors


def test_pages_and_readme_end_each_address_with_a_slash(registry: Registry) -> None:
    with urlopen(f"{registry.origin}/ui/") as response:  # noqa: S310  our own server
        page = response.read().decode()
    for text in (page, (ROOT / "README.md").read_text()):
        addresses = _CONFIGURED.findall(text)
        assert addresses
        assert [one for one in addresses if not one.endswith("/")] == []


def test_every_spelling_of_a_name_is_the_same_package(wire: NpmWire, npm11: Npm11) -> None:
    sources = new_sources(npm11.machine, new_name())
    npm11.publish(sources.write("1.0.0"))
    scope, base = sources.name[1:].split("/")
    spellings = [
        f"@{scope}%2f{base}", f"@{scope}%2F{base}", f"@{scope}/{base}", f"%40{scope}%2f{base}"
    ]  # fmt: skip
    for path in ("", "/1.0.0"):
        answers = [wire.request("GET", one + path) for one in spellings]
        assert {one.status for one in answers} == {200}
        assert len({one.headers["etag"] for one in answers}) == 1


def test_behind_tls_every_address_is_https(
    set_up: SetUp, registry: Registry, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path)
    with recording(registry.origin, certificate) as proxy:
        base = base_at(proxy.origin)
        npm = set_up(Npm11, registry.people.alice, base)
        npm.machine.environment["NODE_EXTRA_CA_CERTS"] = str(certificate.certificate)
        sources = new_sources(npm.machine, new_name())
        npm.publish(sources.write("1.0.0"))
        shown = npm.run("view", sources.name, "dist.tarball").output.strip()
        assert shown.startswith(base)
        assert urlsplit(shown).scheme == "https"
        npm.add(new_app(npm.machine), sources.name)


def test_npm_takes_a_lockfile_of_another_registry(
    npm: PackageManager, set_up: SetUp, registry: Registry
) -> None:
    sources = new_sources(npm.machine, new_name())
    npm.publish(sources.write("1.0.0"))
    app = new_app(npm.machine)
    npm.add(app, sources.name)
    lockfile = app / npm.lockfile
    elsewhere = lockfile.read_text().replace(registry.base, f"https://{ANOTHER_HOST}/")
    lockfile.write_text(elsewhere)
    colleague = set_up(type(npm), registry.people.bob)
    copy = colleague.clone(app)
    # What npm does by itself with addresses of the public registry.
    (copy / ".npmrc").write_text(f"replace-registry-host={ANOTHER_HOST}\n")
    colleague.install_locked(copy)
    assert call(colleague.machine, copy, sources.name) == [f"{sources.name}@1.0.0"]
    assert (copy / npm.lockfile).read_text() == elsewhere
