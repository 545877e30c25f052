"""Every row of the wire contract's table "Bad input": the answer, and that nothing is stored."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from app.extensions import coherence, store
from app.models import NameClaim, Package, PendingEvent, Repository, Version
from tests.npm_wire import PublishDocument, a_publish, tarball

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from config.settings import Settings
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World

NAME = "@acme/thing"
Bend = Callable[[PublishDocument], None]


@pytest.fixture(autouse=True)
def nothing_new(npm: Npm, world: World, settings: Settings) -> Iterator[None]:
    """What is there before the test is there after it, and nothing else."""
    npm.published("@acme/other")
    before = _everything(world, settings.data_dir)
    yield
    assert _everything(world, settings.data_dir) == before


def _everything(world: World, data_dir: Path) -> dict[str, Any]:
    with world.context():
        rows = {
            one.__name__: sorted(map(str, one.objects.scalar("id")))
            for one in (Package, Version, NameClaim, Repository)
        }
        events = [json.loads(one.body)["action"] for one in PendingEvent.objects]
        return {
            **rows,
            "revisions": sorted(Package.objects.scalar("revision")),
            "changes": [one for one in events if not one.startswith(("access.", "auth."))],
            "objects": [one.key for one in store.list("")],
            "staged": sorted(
                one.name for one in (data_dir / "staging").rglob("*") if one.is_file()
            ),
        }


def refused(answer: TestResponse, status: int) -> str:
    """Check that an answer is npm's error form; returns its sentence."""
    assert answer.status_code == status, answer.get_data()
    assert answer.content_type == "application/json"
    body = answer.get_json()
    assert set(body) == {"error"}
    sentence: str = body["error"]
    assert sentence
    return sentence


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not json",
            b"[]",
            b'"text"',
            b"null",
            b'{"name": "@acme/thing"',
            b'{"name": "@acme/thing"} trailing',
            b"\xff\xfe",
            b'{"a": 1, "a": 2}',
            b'{"__proto__": {}}',
            b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            b"[" * 100_000,
        ],
        ids=lambda one: repr(one[:20]),
    )
    def test_what_is_no_document_is_refused(self, body: bytes, npm: Npm) -> None:
        refused(npm.request("PUT", NAME, body), 400)

    def test_a_body_that_ends_before_its_announced_length_is_refused(self, npm: Npm) -> None:
        body = a_publish(NAME).body()
        answer = npm.request("PUT", NAME, body[:-10], **{"Content-Length": str(len(body))})
        refused(answer, 400)

    def test_a_body_that_announces_too_much_is_refused_before_it_is_read(self, npm: Npm) -> None:
        answer = npm.request("PUT", NAME, b"{}", **{"Content-Length": str(10**12)})
        assert "limit" in refused(answer, 413)
        assert answer.headers["Connection"] == "close"

    def test_a_tarball_over_the_limit_of_its_repository_is_refused(
        self, npm: Npm, world: World, acme: Acme
    ) -> None:
        with world.context():
            Repository.objects(id=acme.repository).update(set__settings__max_file_bytes=50)
            coherence.change(
                {f"org:{Repository.objects.get(id=acme.repository).organization.id}"}, lambda: None
            )
        assert "limit of 50 bytes" in refused(npm.publish(a_publish(NAME)), 413)


def _set(path: str, value: Any) -> Bend:
    def bend(document: PublishDocument) -> None:
        at: Any = document.document
        *parts, last = path.split("|")
        for part in parts:
            at = at[part.replace("{v}", document.version)]
        at[last.replace("{v}", document.version)] = value

    return bend


def _no_tarball(document: PublishDocument) -> None:
    document.document["_attachments"] = {}


def _two_tarballs(document: PublishDocument) -> None:
    attachments = document.document["_attachments"]
    attachments["@acme/thing-2.0.0.tgz"] = dict(document.attachment)


def _other_key(key: str) -> Bend:
    def bend(document: PublishDocument) -> None:
        document.document["_attachments"] = {key: document.attachment}

    return bend


def _two_versions(document: PublishDocument) -> None:
    document.document["versions"]["2.0.0"] = {**document.manifest, "version": "2.0.0"}


def _no_version(document: PublishDocument) -> None:
    document.document["versions"] = {}


class TestDocuments:
    @pytest.mark.parametrize(
        ("bend", "says"),
        [
            (_set("name", "@acme/else"), "name"),
            (_set("_id", "@acme/else"), "_id"),
            (_set("versions|{v}|name", "@acme/else"), "name"),
            (_set("versions|{v}|version", "2.0.0"), "version"),
            (_two_versions, "exactly one version"),
            (_no_version, "version"),
            (_no_tarball, "tarball"),
            (_two_tarballs, "tarball"),
            (_other_key("@acme/else-1.0.0.tgz"), "tarball"),
            (_other_key("../../thing-1.0.0.tgz"), "tarball"),
            (_set("access", "sometimes"), "access"),
            (_set("dist-tags", {"latest": "2.0.0"}), "tag"),
            (_set("dist-tags", {"1.x": "1.0.0"}), "tag"),
            (_set("dist-tags", {">=1": "1.0.0"}), "tag"),
            (_set("dist-tags", {"v1.0.0": "1.0.0"}), "tag"),
            (_set("dist-tags", {"": "1.0.0"}), "tag"),
            (_set("dist-tags", {"../x": "1.0.0"}), "tag"),
            (_set("versions|{v}|dist|shasum", "0" * 40), "shasum"),
            (_set("versions|{v}|dist|integrity", "sha512-" + "A" * 86 + "=="), "integrity"),
            (_set("versions|{v}|dist|integrity", "nonsense"), "integrity"),
        ],
        ids=lambda one: one if isinstance(one, str) else getattr(one, "__name__", ""),
    )
    def test_a_document_that_contradicts_itself_is_refused(
        self, bend: Bend, says: str, npm: Npm
    ) -> None:
        document = a_publish(NAME)
        bend(document)
        sentence = refused(npm.request("PUT", NAME, document.body()), 400)
        assert says in sentence

    @pytest.mark.parametrize(
        "data", ["not base64!", "QUJD\n", "QUJ", "QUJD====", "QUJD=QUJD"], ids=repr
    )
    def test_bad_base64_is_refused(self, data: str, npm: Npm) -> None:
        document = a_publish(NAME)
        document.attachment["data"] = data
        assert "base64" in refused(npm.publish(document), 400)

    def test_a_length_that_is_not_the_tarballs_is_refused(self, npm: Npm) -> None:
        document = a_publish(NAME)
        document.attachment["length"] += 1
        assert "length" in refused(npm.publish(document), 400)

    @pytest.mark.parametrize(
        "version", ["1", "v1.0", "1.0.0.0", "latest", "01.2.3", "1.0.0-" + "a" * 256, ""]
    )
    def test_a_version_that_is_not_semantic_is_refused(self, version: str, npm: Npm) -> None:
        document = PublishDocument(NAME, version, tarball({"name": NAME, "version": version}))
        refused(npm.request("PUT", NAME, document.body()), 400)


class TestNames:
    @pytest.mark.parametrize(
        "path",
        [
            "..%2f..",
            "%2e%2e",
            "@a/../b",
            "a/b/c",
            "@a%2fb%2fc",
            "a%00b",
            "a%01b",
            "a%5cb",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "l%d0%bedash",
            "a%e2%80%8bb",
            ".hidden",
            "node_modules",
        ],
    )
    def test_an_impossible_name_is_not_found_and_takes_no_publish(
        self, path: str, npm: Npm
    ) -> None:
        refused(npm.get(path), 404)
        answer = npm.request("PUT", path, a_publish("x").body())
        assert answer.status_code in {400, 404, 405}
        assert "error" in answer.get_json()

    @pytest.mark.parametrize(
        "name",
        ["Capital", "_start", "-start", ".start", "fs", "http", "favicon.ico", "a" * 215, "~tilde"],
    )
    def test_a_name_that_npm_allows_no_more_takes_no_publish(self, name: str, npm: Npm) -> None:
        refused(npm.request("PUT", name, a_publish(name).body()), 400)
        refused(npm.get(name), 404)

    def test_a_namespace_that_is_not_the_callers_takes_no_publish(self, npm: Npm) -> None:
        assert "namespace" in refused(npm.publish(a_publish("@nobody/thing")), 403)


def _archive(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for one in entries:
            if isinstance(one, tarfile.TarInfo):
                archive.addfile(one)
                continue
            entry = tarfile.TarInfo(one[0])
            entry.size = len(one[1])
            archive.addfile(entry, io.BytesIO(one[1]))
    return gzip.compress(plain.getvalue(), mtime=0)


def _special(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, target, mode
    return entry


GOOD = json.dumps({"name": NAME, "version": "1.0.0"}).encode()
PACKAGE_JSON = ("package/package.json", GOOD)
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


class TestTarballs:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not gzip",
            tarball({"name": NAME, "version": "1.0.0"})[:-10],
            tarball({"name": NAME, "version": "1.0.0"}) + b"garbage",
            gzip.compress(b"not tar"),
            _archive(("package/index.js", b"")),
            _archive(PACKAGE_JSON, PACKAGE_JSON),
            _archive(PACKAGE_JSON, ("/etc/passwd", b"")),
            _archive(PACKAGE_JSON, ("package/../../x", b"")),
            _archive(PACKAGE_JSON, _special("package/x", tarfile.SYMTYPE, "../../etc/passwd")),
            _archive(PACKAGE_JSON, _special("package/x", tarfile.LNKTYPE, "/etc/passwd")),
            _archive(PACKAGE_JSON, _special("package/x", tarfile.CHRTYPE)),
            _archive(PACKAGE_JSON, _special("package/x", tarfile.FIFOTYPE)),
            _archive(PACKAGE_JSON, _special("package/x", tarfile.REGTYPE, mode=0o4755)),
            tarball(
                b'{"name": "@acme/thing", "version": "1.0.0", "x": "' + b"a" * 50_000_000 + b'"}'
            ),
            tarball(DEEP),
            tarball(b'{"name": "@acme/thing", "version": "1.0.0", "name": "@acme/thing"}'),
            tarball(b'{"name": "@acme/thing", "version": "1.0.0", "__proto__": {}}'),
            tarball(b"[]"),
            tarball(b"\xff"),
            tarball({"name": "@acme/else", "version": "1.0.0"}),
            tarball({"name": NAME, "version": "1.0.1"}),
        ],
        ids=[
            "empty",
            "not gzip",
            "truncated",
            "trailing garbage",
            "not tar",
            "no package.json",
            "two package.json",
            "absolute path",
            "path leaves the root",
            "symlink leaves the root",
            "hard link leaves the root",
            "device",
            "fifo",
            "setuid",
            "package.json of 50 MB",
            "deep package.json",
            "duplicate key",
            "__proto__",
            "not an object",
            "not UTF-8",
            "another name",
            "another version",
        ],
    )
    def test_a_bad_tarball_is_refused(self, content: bytes, npm: Npm) -> None:
        refused(npm.publish(PublishDocument(NAME, "1.0.0", content)), 400)

    def test_a_bomb_is_refused(self, npm: Npm) -> None:
        zeros = b"\0" * (1 << 20)
        plain = io.BytesIO()
        with gzip.GzipFile(fileobj=plain, mode="wb", mtime=0) as packed:
            head = tarfile.TarInfo("package/zeros")
            head.size = 2 << 30
            packed.write(head.tobuf())
            for _ in range(2 << 10):
                packed.write(zeros)
        refused(npm.publish(PublishDocument(NAME, "1.0.0", plain.getvalue())), 400)

    def test_too_many_entries_are_refused(self, npm: Npm) -> None:
        header = tarfile.TarInfo("package/x").tobuf()
        content = gzip.compress(header * 100_002, compresslevel=1, mtime=0)
        refused(npm.publish(PublishDocument(NAME, "1.0.0", content)), 400)


class TestChanges:
    def _packument(self, npm: Npm) -> dict[str, Any]:
        found: dict[str, Any] = npm.get("@acme/other?write=true").get_json()
        return found

    @pytest.mark.parametrize("message", ["x" * 1025, 1, None, ["x"]], ids=lambda one: repr(one)[:9])
    def test_a_bad_deprecation_message_is_refused(self, message: object, npm: Npm) -> None:
        packument = self._packument(npm)
        packument["versions"]["1.0.0"]["deprecated"] = message
        refused(npm.request("PUT", "@acme/other", json.dumps(packument).encode()), 400)

    @pytest.mark.parametrize("revision", ["1-0000000000000000", "7-x", "x", "0"])
    def test_a_made_up_revision_is_a_conflict(self, revision: str, npm: Npm) -> None:
        body = json.dumps(self._packument(npm)).encode()
        assert refused(npm.request("PUT", f"@acme/other/-rev/{revision}", body), 409)
        assert refused(npm.request("DELETE", f"@acme/other/-rev/{revision}"), 409)
        path = f"@acme/other/-/other-1.0.0.tgz/-rev/{revision}"
        assert refused(npm.request("DELETE", path), 409)

    def test_a_revision_that_adds_a_version_is_refused(self, npm: Npm) -> None:
        packument = self._packument(npm)
        packument["versions"]["2.0.0"] = packument["versions"]["1.0.0"]
        path = f"@acme/other/-rev/{packument['_rev']}"
        assert "2.0.0" in refused(npm.request("PUT", path, json.dumps(packument).encode()), 400)

    def test_owners_cannot_be_nobody_or_unknown(self, npm: Npm) -> None:
        revision = self._packument(npm)["_rev"]
        for owners in ([], [{"name": "nobody-knows", "email": ""}]):
            body = {"_id": "@acme/other", "_rev": revision, "maintainers": owners}
            path = f"@acme/other/-rev/{revision}"
            refused(npm.request("PUT", path, json.dumps(body).encode()), 400)

    def test_a_tag_to_an_unknown_version_is_not_found(self, npm: Npm) -> None:
        path = "-/package/@acme%2fother/dist-tags/beta"
        refused(npm.request("PUT", path, b'"9.9.9"'), 404)
        refused(npm.request("PUT", path, b'"nonsense"'), 404)
        refused(npm.request("PUT", path, b"17"), 400)


class TestRoutes:
    @pytest.mark.parametrize(
        "path",
        [
            "@acme/other/-/thing-1.0.0.tgz",
            "@acme/other/-/x.tgz/../../y",
            "@acme/other/-/",
            "-/nothing",
            "-/npm/v1/nothing",
            "@acme",
        ],
    )
    def test_what_is_not_there_is_not_found(self, path: str, npm: Npm) -> None:
        refused(npm.get(path), 404)

    def test_a_wrong_method_is_told_the_right_ones(self, npm: Npm) -> None:
        answer = npm.request("POST", "@acme/other", b"{}")
        refused(answer, 405)
        assert "PUT" in answer.headers["Allow"]

    @pytest.mark.parametrize(
        "header",
        [
            "Bearer srg_000000000000000000000000000000000000",
            "Bearer nonsense",
            "Basic " + base64.b64encode(b"mallory:wrong password").decode(),
            "Basic !!!",
            "Digest x",
        ],
    )
    def test_wrong_credentials_are_refused_everywhere(self, header: str, npm: Npm) -> None:
        answer = npm.request("GET", "@acme/other", Authorization=header)
        refused(answer, 401)

    def test_many_wrong_passwords_have_to_wait(self, npm: Npm) -> None:
        def attempt(password: str) -> TestResponse:
            basic = base64.b64encode(f"mallory:{password}".encode()).decode()
            return npm.request("GET", "-/whoami", Authorization=f"Basic {basic}")

        statuses = [attempt(f"wrong {number}").status_code for number in range(10)]
        assert statuses == [401] * 10
        answer = attempt("wrong again")
        refused(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0


def test_a_duplicate_is_refused_whatever_its_bytes(npm: Npm) -> None:
    same = a_publish("@acme/other")
    sentence = "You cannot publish over the previously published versions: 1.0.0."
    assert refused(npm.publish(same), 403) == sentence
    assert refused(npm.publish(a_publish("@acme/other", description="else")), 403) == sentence
    assert refused(npm.publish(a_publish("@acme/other", "1.0.0+b2")), 403)
