"""Known vulnerabilities, signatures, and corepack, which checks them (rows 18, 19 and 24)."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.clients.npm.installed import COREPACK, NODE, installed
from tests.clients.npm.managers import Bun, Npm10, Npm11, Pnpm10, Pnpm11, Yarn4
from tests.clients.npm.packages import new_app, new_name, new_sources
from tests.clients.npm.set_up import SetUp
from tests.clients.registry import LEAKY, running_registry
from tests.new_settings import new_settings
from tests.npm_wire import NpmWire, a_publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.npm.managers import PackageManager
    from tests.clients.registry import Registry

pytestmark = pytest.mark.client

# What `npm audit signatures` does, without the public trust root that it asks for first.
_VERIFY = """\
const { createPublicKey, verify } = require("node:crypto");
const { keys, name, version, dist } = JSON.parse(process.argv[1]);
const [{ keyid, sig }] = dist.signatures;
const { key } = keys.find((one) => one.keyid === keyid);
const pem = `-----BEGIN PUBLIC KEY-----\\n${key}\\n-----END PUBLIC KEY-----`;
const signed = Buffer.from(`${name}@${version}:${dist.integrity}`);
console.log(verify("sha256", signed, createPublicKey(pem), Buffer.from(sig, "base64")));
"""


EVERY_AUDIT = pytest.mark.parametrize(
    ("manager", "audit"),
    [
        (Npm10, ["audit"]),
        (Npm11, ["audit"]),
        (Pnpm10, ["audit"]),
        (Pnpm11, ["audit"]),
        (Yarn4, ["npm", "audit", "--all"]),
        (Bun, ["audit"]),
    ],
    ids=lambda value: getattr(value, "alias", ""),
)


@pytest.fixture(scope="module")
def unaware(
    mongodb_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that knows no advisories."""
    folder = tmp_path_factory.mktemp("unaware")
    settings = new_settings(mongodb_url, redis_url, folder / "data")
    with running_registry(settings, folder / "web.log") as registry:
        yield registry


@EVERY_AUDIT
def test_an_audit_reports_what_is_known(
    set_up: SetUp,
    manager: type[PackageManager],
    audit: list[str],
    registry: Registry,
    wire: NpmWire,
) -> None:
    for version in ("1.0.0", "2.0.0"):  # Another client's test may have published them.
        assert wire.publish(a_publish(LEAKY, version)).status in {201, 403}
    client = set_up(manager, registry.people.alice)
    app = new_app(client.machine)
    client.add(app, f"{LEAKY}@1.0.0")
    found = client.run(*audit, cwd=app, fails=True)
    assert "Tells everybody everything" in found.text
    client.add(app, f"{LEAKY}@2.0.0")
    client.run(*audit, cwd=app)


@EVERY_AUDIT
def test_an_audit_fails_where_no_advisories_are_known(
    unaware: Registry, manager: type[PackageManager], audit: list[str], tmp_path: Path
) -> None:
    with closing(NpmWire(unaware.base, unaware.people.alice.token)) as wire:
        assert wire.publish(a_publish(LEAKY)).status in {201, 403}
    client = SetUp(unaware, tmp_path)(manager, unaware.people.alice)
    app = new_app(client.machine)
    client.add(app, f"{LEAKY}@1.0.0")  # npm and bun ask here too, and go on.
    refused = client.run(*audit, cwd=app, fails=True)
    assert re.search("has no advisories|AUDIT_ENDPOINT_NOT_EXISTS|bulk - 404", refused.text)


def test_node_verifies_the_signature_of_a_version(npm11: Npm11, wire: NpmWire) -> None:
    sources = new_sources(npm11.machine, new_name())
    npm11.publish(sources.write("1.0.0"))
    manifest = npm11.run("view", sources.name, "name", "version", "dist", "--json").json()
    signed = {**wire.request("GET", "-/npm/v1/keys").json(), **manifest}
    assert npm11.machine.run([NODE, "-e", _VERIFY, json.dumps(signed)]).json() is True
    signed["version"] = "1.0.1"
    assert npm11.machine.run([NODE, "-e", _VERIFY, json.dumps(signed)]).json() is False


@pytest.mark.parametrize(("module", "name"), [("yarn4", "yarn"), ("pnpm10", "pnpm")])
def test_corepack_installs_a_package_manager_and_checks_our_signature(
    npm11: Npm11, registry: Registry, wire: NpmWire, module: str, name: str
) -> None:
    folder = npm11.machine.home / module
    manifest = installed(f"{module}/package.json")
    version = json.loads(manifest.read_text())["version"]
    shutil.copytree(manifest.parent, folder)
    npm11.run("publish", "--ignore-scripts", cwd=folder)
    keys = wire.request("GET", "-/npm/v1/keys").json()["keys"]
    settings = {
        "COREPACK_NPM_REGISTRY": registry.base,
        "COREPACK_NPM_TOKEN": registry.people.bob.token,
        "COREPACK_INTEGRITY_KEYS": json.dumps({"npm": keys}),
        "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    }
    npm11.machine.environment.update(settings)
    ran = npm11.machine.run([NODE, COREPACK, f"{name}@{version}", "--version"])
    assert ran.output.strip() == version
