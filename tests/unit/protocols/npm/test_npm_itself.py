"""What the real npm sends when it publishes, against what we make of it."""

from __future__ import annotations

import http.server
import io
import json
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from app.protocols.npm import names, parsing
from app.protocols.npm.archives import inspect_tarball
from app.protocols.npm.manifests import Publisher, build_manifest
from tests.unit.protocols.npm.artifacts import NODE, NPM_CLI, MemoryStage

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE_JSON: dict[str, Any] = {
    "name": "@acme/thing",
    "version": "1.4.0+build.7",
    "description": "A thing",
    "license": "MIT",
    "author": "Alice <alice@acme.test> (https://acme.test)",
    "contributors": ["Bob <bob@acme.test>"],
    "repository": "acme/thing",
    "bugs": "https://acme.test/bugs",
    "homepage": "https://acme.test/thing",
    "keywords": "a, b",
    "bin": "./cli.js",
    "main": "index.js",
    "funding": "https://acme.test/fund",
    "dependencies": {"left-pad": "^1.3.0"},
    "devDependencies": {"mocha": "*"},
    "peerDependencies": {"react": ">=18"},
    "peerDependenciesMeta": {"react": {"optional": True}},
    "optionalDependencies": {"fsevents": "2"},
    "bundledDependencies": [],
    "scripts": {"postinstall": "node index.js"},
    "engines": {"node": ">=18"},
    "os": ["linux"],
    "cpu": ["x64"],
    "man": "./thing.1",
    "directories": {"bin": "./bin"},
    "publishConfig": {"tag": "next"},
    "_private": "x",
}
FILES = {
    "cli.js": "#!/usr/bin/env node\n",
    "index.js": "module.exports = 1\n",
    "thing.1": ".TH\n",
    "bin/tool.js": "#!/usr/bin/env node\n",
    "binding.gyp": "{}\n",
    "README.md": "# Thing\n",
    "a-file-with-a-name-that-is-longer-than-a-hundred-characters/" + "x" * 120: "x\n",
}


class _Capture(http.server.BaseHTTPRequestHandler):
    """A registry that has nothing and keeps what it is sent."""

    def do_GET(self) -> None:
        self._answer(404, {"error": "Not found"})

    def do_PUT(self) -> None:
        self.server.sent.append(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]  # of _Registry
        self._answer(201, {"ok": True})

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


class _Registry(http.server.ThreadingHTTPServer):
    daemon_threads = True
    sent: list[bytes]


@pytest.fixture(scope="module")
def sent_by_npm(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The body of a PUT by ``npm publish``."""
    project, home = tmp_path_factory.mktemp("thing"), tmp_path_factory.mktemp("home")
    for name, content in {"package.json": json.dumps(PACKAGE_JSON), **FILES}.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(content)
    with _Registry(("127.0.0.1", 0), _Capture) as registry:
        registry.sent = []
        threading.Thread(target=registry.serve_forever, daemon=True).start()
        try:
            _publish(project, home, f"//127.0.0.1:{registry.server_port}/npm/acme/")
        finally:
            registry.shutdown()
    (body,) = registry.sent
    return body


def _publish(project: Path, home: Path, registry: str) -> None:
    (project / ".npmrc").write_text(f"registry=http:{registry}\n{registry}:_authToken=x\n")
    subprocess.run(  # noqa: S603  the wheel's own npm
        [NODE, NPM_CLI, "publish", "--no-audit", "--no-fund"],
        cwd=project,
        env={
            "PATH": f"{NODE.parent}:{os.defpath}",
            "HOME": str(home),
            "npm_config_cache": str(home / "cache"),
            "npm_config_update_notifier": "false",
        },
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def change(sent_by_npm: bytes) -> parsing.Publish:
    """What we read from it."""
    body = parsing.read_publish(
        io.BytesIO(sent_by_npm), limit_document_bytes=2**20, stage=MemoryStage
    )
    found = parsing.classify(body, names.parse_new_name("@acme/thing"))
    assert isinstance(found, parsing.Publish)
    return found


def test_npm_cleans_the_version_and_keeps_the_tag(change: parsing.Publish) -> None:
    assert change.version.text == "1.4.0"
    assert change.tags == {"next"}
    assert change.access is None


def test_npms_own_tarball_passes(change: parsing.Publish) -> None:
    with change.tarball.open() as file:
        facts = inspect_tarball(file)
    assert facts.package_json["version"] == "1.4.0+build.7"
    assert facts.file_count == len(FILES) + 1
    assert (facts.readme, facts.readme_filename) == ("# Thing\n", "README.md")
    assert facts.has_binding_gyp


def test_our_manifest_is_the_one_that_npm_would_have_published(change: parsing.Publish) -> None:
    with change.tarball.open() as file:
        facts = inspect_tarball(file)
    publisher = Publisher(username="alice", email="alice@acme.test")
    ours = build_manifest(facts, change, publisher=publisher)
    npms = dict(change.manifest)
    for stored_elsewhere in ("dist", "readme"):
        del npms[stored_elsewhere]
    assert ours.pop("_npmUser") == {"name": "alice", "email": "alice@acme.test"}
    assert ours.pop("hasInstallScript") is True
    assert ours == npms
