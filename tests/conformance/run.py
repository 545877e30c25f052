"""The official conformance suite for OCI registries, against Packhouse as `make run` starts it.

    make conformance                         on both stores
    make conformance ARGS="--store s3"       on one

Nothing may fail and nothing may be skipped: the suite skips what a registry politely refuses.
What it finds is kept as build/conformance/<store>/report.html, junit.xml and results.yaml.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / ".clients/conformance/bin/conformance"
REPORTS = ROOT / "build/conformance"
STORES = ("filesystem", "s3")
ORGANIZATION = "acme"
PATIENCE_SECONDS = 900

# Everything is on but OCI_DATA_SPARSE, which pushes an image that lacks a layer: that is refused.
OPTIONS = {
    "OCI_TLS": "disabled",
    "OCI_VERSION": "1.1",
    "OCI_LOG": "error",
    "OCI_REPO1": f"{ORGANIZATION}/conformance-1",
    "OCI_REPO2": f"{ORGANIZATION}/conformance-2",
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A running Packhouse, and who may push to it."""

    host: str
    username: str
    token: str


def main() -> None:
    """Run the suite on each store; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="make conformance", description=(__doc__ or "")[:79])
    parser.add_argument("--store", choices=STORES, action="append", dest="stores")
    stores = parser.parse_args().stores or STORES
    if not SUITE.exists():
        _without_the_suite()
    counts: Counter[str] = Counter()
    for store in stores:
        with (
            tempfile.TemporaryDirectory(prefix="conformance-") as folder,
            packhouse(Path(folder), store) as registry,
        ):
            counts += examine(registry, REPORTS / store)
    bad = counts["failure"] + counts["error"]
    _say(f"Conformance: {counts['passed']} passed, {bad} failed, {counts['skipped']} skipped")
    sys.exit(1 if bad or counts["skipped"] or not counts["passed"] else 0)


def _without_the_suite() -> None:
    if shutil.which("go"):
        sys.exit(f"{SUITE} is missing; make conformance builds it.")
    _say("Conformance is not examined: the suite is built with Go, which is not installed.")
    sys.exit(0)


def examine(registry: Registry, report: Path) -> Counter[str]:
    """Run the suite once; returns how many of its tests came to what.

    Args:
        registry: the one to examine.
        report: a folder for what the suite writes; what is in it goes.
    """
    shutil.rmtree(report, ignore_errors=True)
    report.mkdir(parents=True)
    access = {
        "OCI_REGISTRY": registry.host,
        "OCI_USERNAME": registry.username,
        "OCI_PASSWORD": registry.token,
        "OCI_RESULTS_DIR": str(report),
    }
    with (report / "output.txt").open("w") as output:
        code = subprocess.run(  # noqa: S603  the suite, with no argument
            [SUITE],
            env={**_without_options_of_the_suite(), **OPTIONS, **access},
            cwd=report,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=PATIENCE_SECONDS,
        ).returncode
    counts: Counter[str] = Counter()
    for case in ET.parse(report / "junit.xml").getroot().iter("testcase"):  # noqa: S314  the suite's
        status = case.get("status", "error")
        counts[status] += 1
        if status != "passed":
            _say(f"{status}: {case.get('name')}")
    if code and not counts["failure"] + counts["error"]:
        sys.exit(f"The suite ended with {code}; see {report / 'output.txt'}.")
    _say(f"{report.name}: {dict(counts)}; the report is {report / 'report.html'}")
    return counts


@contextmanager
def packhouse(folder: Path, store: str) -> Iterator[Registry]:
    """Run one on an empty folder for as long as the block."""
    port = remembered_ports(folder / "ports.json", ["web"])["web"]
    host = f"{LOOPBACK}:{port}"
    password = secrets.token_urlsafe(16)
    part = Part(
        name="packhouse",
        argv=(sys.executable, "-m", "app.cli", "up", *(["--s3"] if store == "s3" else [])),
        log=folder / "packhouse.log",
        is_ready=lambda: _is_ready(host),
        env={
            "HOST": LOOPBACK,
            "PORT": str(port),
            "DATA_DIR": str(folder / "data"),
            "ADMIN_PASSWORD": password,
            "LOG_LEVEL": "WARNING",
            "MONGODB_URL": "",
            "REDIS_URL": "",
            "S3_ENDPOINT": "",
            "S3_HOST": "",
        },
        stop_within_seconds=60,
    )
    with running(part):
        yield Registry(host=host, username="admin", token=_settle(host, password))


def _is_ready(host: str) -> bool:
    try:
        return _ask(host, "GET", "/readyz")[0] == http.client.OK
    except OSError:
        return False


def _settle(host: str, password: str) -> str:
    """Make an organization; returns a token of its owner."""
    sign_in = {"username": "admin", "password": password}
    session = _post(host, "auth/login", sign_in)["access_token"]
    _post(host, "organizations", {"slug": ORGANIZATION}, session)
    token: str = _post(host, "tokens", {"name": "conformance"}, session)["token"]
    return token


def _post(host: str, path: str, content: Mapping[str, str], session: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    if session:
        headers["Authorization"] = f"Bearer {session}"
    status, body = _ask(host, "POST", f"/api/v1/{path}", json.dumps(content), headers)
    if status not in {http.client.OK, http.client.CREATED}:
        sys.exit(f"POST {path} was answered {status}: {body.decode()}")
    answer: dict[str, Any] = json.loads(body)
    return answer


def _ask(
    host: str,
    method: str,
    path: str,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _without_options_of_the_suite() -> dict[str, str]:
    """Return our environment without what would change what is examined."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OCI_")}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
