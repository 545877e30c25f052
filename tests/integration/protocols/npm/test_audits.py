from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from app.protocols.npm import osv

if TYPE_CHECKING:
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World

BULK = "-/npm/v1/security/advisories/bulk"
QUICK = "-/npm/v1/security/audits/quick"
FULL = "-/npm/v1/security/audits"
LEAKY = {
    "id": "GHSA-0000-0000-0001",
    "summary": "Tells everybody everything",
    "affected": [
        {
            "package": {"ecosystem": "npm", "name": "leaky"},
            "ranges": [
                {"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "2.0.0"}]},
            ],
        }
    ],
}
TREE = {"dependencies": {"leaky": {"version": "1.0.0"}}}


@pytest.fixture
def advisories(world: World) -> None:
    """One package of which something is known."""
    with world.context():
        osv.keep(osv.read_document(LEAKY))


@pytest.mark.usefixtures("advisories")
@pytest.mark.parametrize("path", [QUICK, FULL])
def test_a_lockfile_is_reported_on(path: str, npm: Npm) -> None:
    report = npm.request("POST", path, json.dumps(TREE).encode()).get_json()
    (found,) = report["advisories"].values()
    assert (found["module_name"], found["title"]) == ("leaky", "Tells everybody everything")


@pytest.mark.usefixtures("advisories")
def test_nothing_known_of_what_is_installed_is_a_clean_bill(npm: Npm) -> None:
    answer = npm.request("POST", BULK, b'{"other": ["1.0.0"], "leaky": ["2.0.0"]}')
    assert (answer.status_code, answer.get_json()) == (200, {})


@pytest.mark.parametrize("path", [BULK, QUICK, FULL])
def test_a_registry_without_advisories_gives_no_clean_bill(path: str, npm: Npm) -> None:
    answer = npm.request("POST", path, b'{"leaky": ["1.0.0"], "dependencies": {}}')
    assert answer.status_code == 404
    assert "has no advisories" in answer.get_json()["error"]


def test_the_first_advisories_are_used_at_once(npm: Npm, world: World) -> None:
    assert npm.request("POST", BULK, b'{"leaky": ["1.0.0"]}').status_code == 404
    with world.context():
        osv.keep(osv.read_document(LEAKY))
    assert list(npm.request("POST", BULK, b'{"leaky": ["1.0.0"]}').get_json()) == ["leaky"]


@pytest.mark.usefixtures("advisories")
def test_the_lockfile_of_a_large_project_is_read(npm: Npm) -> None:
    installed = {f"@acme/package-number-{number}": ["1.0.0"] for number in range(50_000)}
    body = json.dumps({**installed, "leaky": ["1.0.0"]}).encode()
    assert len(body) > 1024 * 1024
    packed = {"Content-Encoding": "gzip"}
    for answer in (
        npm.request("POST", BULK, body),
        npm.request("POST", BULK, gzip.compress(body), **packed),
    ):
        assert list(answer.get_json()) == ["leaky"]


@pytest.mark.usefixtures("advisories")
@pytest.mark.parametrize("path", [BULK, QUICK, FULL])
def test_an_audit_is_bounded_after_it_is_unpacked(path: str, npm: Npm) -> None:
    packed = gzip.compress(b" " * (32 * 1024 * 1024 + 1))
    answer = npm.request("POST", path, packed, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 413
