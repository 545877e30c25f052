"""What is published: packages of the size and shape of mid-sized public ones, the same each run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
from typing import Any

KIB = 1024
MIB = 1024 * KIB

_OVERHEAD_BYTES = 2 * KIB  # of package.json and the tar format, roughly, once compressed
_DEPENDENCIES = tuple(
    f"{first}-{second}"
    for first in ("accept", "body", "content", "cookie", "encode", "escape")
    for second in ("bytes", "length", "parser", "path", "type")
)


def version_number(index: int) -> str:
    """Return the number of a package's index-th version."""
    return f"1.{index // 10}.{index % 10}"


def tarball(name: str, version: str, size_bytes: int) -> bytes:
    """Return an npm tarball of about this size; its filler does not compress."""
    manifest = json.dumps(_manifest(name, version)).encode()
    seed = random.Random(f"{name} {version}")
    filler = seed.randbytes(max(16, size_bytes - _OVERHEAD_BYTES))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in (("package.json", manifest), ("index.bin", filler)):
            member = tarfile.TarInfo(f"package/{path}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), compresslevel=1, mtime=0)


def publish_body(base_url: str, name: str, version: str, size_bytes: int) -> bytes:
    """Return what ``npm publish`` sends for one version with a tarball of about this size."""
    packed = tarball(name, version, size_bytes)
    file = f"{name}-{version}.tgz"
    dist = {
        "integrity": f"sha512-{base64.b64encode(hashlib.sha512(packed).digest()).decode()}",
        "shasum": hashlib.sha1(packed).hexdigest(),
        "tarball": f"{base_url}/{name}/-/{file}",
    }
    manifest = {**_manifest(name, version), "_id": f"{name}@{version}", "dist": dist}
    attachment = {
        "content_type": "application/octet-stream",
        "data": base64.b64encode(packed).decode(),
        "length": len(packed),
    }
    document = {
        "_id": name,
        "name": name,
        "description": manifest["description"],
        "dist-tags": {"latest": version},
        "versions": {version: manifest},
        "access": None,
        "_attachments": {file: attachment},
    }
    return json.dumps(document).encode()


def _manifest(name: str, version: str) -> dict[str, Any]:
    """Return a package.json; about 2 KiB."""
    seed = random.Random(f"{name} {version}")
    commands = ("build", "lint", "prepublishOnly", "test", "test-ci", "test-coverage")
    return {
        "name": name,
        "version": version,
        "description": "Fast, unopinionated, minimalist framework that exists to be measured",
        "keywords": ["benchmark", "express", "framework", "http", "rest", "router", "web"],
        "homepage": f"https://{name}.example/",
        "license": "MIT",
        "author": {"name": "A. Author", "email": "author@example.test"},
        "contributors": [
            {"name": f"Contributor {number}", "email": f"c{number}@example.test"}
            for number in range(5)
        ],
        "repository": {"type": "git", "url": f"git+https://{name}.example/{name}.git"},
        "bugs": {"url": f"https://{name}.example/issues"},
        "main": "index.js",
        "types": "index.d.ts",
        "bin": {name: "bin/run.js"},
        "engines": {"node": ">= 18"},
        "exports": {".": {"import": "./index.mjs", "require": "./index.js"}},
        "scripts": {command: f"run-{command} --check-leaks test/**/*.js" for command in commands},
        "dependencies": _ranges(seed, 14),
        "devDependencies": _ranges(seed, 12),
        "peerDependencies": _ranges(seed, 1),
    }


def _ranges(seed: random.Random, count: int) -> dict[str, str]:
    return {
        name: f"^{seed.randrange(9)}.{seed.randrange(30)}.{seed.randrange(30)}"
        for name in sorted(seed.sample(_DEPENDENCIES, count))
    }
