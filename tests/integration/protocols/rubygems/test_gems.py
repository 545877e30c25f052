"""Pushing, reading and yanking gems, and what the indexes say of them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from bson import ObjectId
from werkzeug.http import http_date

from app.extensions import coherence
from app.models import ApiToken, ListingEntry, Package, Repository, RepositoryRole, Visibility
from app.models.fields import now
from app.registry import package_management
from app.registry.repositories import organization_tag
from tests.gem_files import a_gem

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from tests.acme import Acme
    from tests.integration.protocols.rubygems.conftest import Gems
    from tests.world import World

AT_ONCE = 10


def test_a_pushed_gem_is_in_every_index(gems: Gems) -> None:
    gem = gems.pushed(
        "hola",
        "1.0.0",
        runtime={"rack": ["~> 3.0", "!= 3.0.5"], "json": [">= 0"]},
        development={"rake": [">= 0"]},
        ruby=[">= 3.0"],
    )
    info = gems.text("info/hola")
    line = info.removeprefix("---\n").rstrip("\n")
    assert line.startswith(
        f"1.0.0 json:>= 0,rack:!= 3.0.5&~> 3.0|checksum:{gem.sha256},ruby:>= 3.0,created_at:"
    )
    header, lines = gems.text("versions").split("---\n")
    assert header.startswith("created_at: ")
    assert lines == f"hola 1.0.0 {md5(info)}\n"
    assert gems.text("names") == "---\nhola\n"
    assert b"hola" in gzip.decompress(gems.get("specs.4.8.gz").get_data())
    assert b"hola" in gzip.decompress(gems.get("latest_specs.4.8.gz").get_data())
    assert b"hola" not in gzip.decompress(gems.get("prerelease_specs.4.8.gz").get_data())
    specification = zlib.decompress(gems.get(f"quick/Marshal.4.8/{gem.full_name}.gemspec.rz").data)
    assert specification.startswith(b"\x04\x08u:\x17Gem::Specification")
    fetched = gems.get(f"gems/{gem.filename}")
    assert fetched.get_data() == gem.body
    assert fetched.headers["ETag"] == f'"{gem.sha256}"'
    assert fetched.headers["Content-Type"] == "application/octet-stream"


def test_versions_grows_by_what_is_new(gems: Gems) -> None:
    gems.pushed("hola", "1.0.0")
    gems.pushed("rack", "3.0.0")
    before = gems.text("versions")
    gems.pushed("hola", "1.1.0", platform="java")
    after = gems.text("versions")
    assert after == before + f"hola 1.1.0-java {md5(gems.text('info/hola'))}\n"


def test_the_same_gem_again_changes_nothing(gems: Gems) -> None:
    gem = gems.pushed()
    before = gems.text("versions")
    again = gems.push(gem)
    assert (again.status_code, again.get_data()) == (200, b"Gem was already pushed: hola (1.0.0)")
    assert gems.text("versions") == before


def test_other_bytes_or_another_spelling_are_refused(gems: Gems) -> None:
    gem = gems.pushed("hola", "1.0.0")
    for other in (a_gem("hola", "1.0.0", files=b"x"), a_gem("hola", "1.0")):
        answer = gems.push(other)
        assert answer.status_code == 409
        assert answer.get_data(as_text=True).startswith("Repushing of gem versions is not allowed.")
    assert gems.get(f"gems/{gem.filename}").get_data() == gem.body


def test_a_yank_hides_one_platform_of_a_version(gems: Gems) -> None:
    kept = gems.pushed("hola", "1.0.0")
    gem, java = gems.pushed("hola", "1.1.0"), gems.pushed("hola", "1.1.0", platform="java")
    answer = gems.yank("hola", "1.1.0")
    assert (answer.status_code, answer.get_data()) == (
        200,
        b"Successfully deleted gem: hola (1.1.0)",
    )
    info = gems.text("info/hola")
    assert [line.split(" ")[0] for line in info.splitlines()[1:]] == ["1.0.0", "1.1.0-java"]
    assert gems.text("versions").endswith(f"hola -1.1.0 {md5(info)}\n")
    for path in (f"gems/{gem.filename}", f"quick/Marshal.4.8/{gem.full_name}.gemspec.rz"):
        assert gems.get(path).status_code == 404
    assert gems.get(f"gems/{java.filename}").get_data() == java.body
    again = gems.push(gem)
    assert again.status_code == 409
    again = gems.yank("hola", "1.1.0")
    assert (again.status_code, again.text) == (
        404,
        "The version 1.1.0 has already been yanked.\n",
    )
    assert gems.yank("hola", "1.1.0", platform="java").status_code == 200
    assert gems.yank("hola", "1.0.0").status_code == 200
    assert gems.text("info/hola") == "---\n"
    assert gems.text("names") == "---\n"
    assert kept.full_name.encode() not in gzip.decompress(gems.get("specs.4.8.gz").data)


def test_a_gem_deleted_over_the_api_is_gone_from_the_indexes(
    gems: Gems, acme: Acme, world: World
) -> None:
    gems.pushed("hola", "1.0.0")
    gems.pushed("hola", "1.1.0")
    with world.context():
        package_management.delete_package(
            acme.maintainer.principal,
            str(Package.objects.get().id),
            check=lambda _view: None,
        )
    assert gems.get("info/hola").status_code == 404
    assert gems.text("names") == "---\n"
    assert gems.text("versions").splitlines()[-1].startswith("hola -1.0.0,-1.1.0 ")


def test_each_index_is_fetched_by_what_was_appended(gems: Gems) -> None:
    for path in ("versions", "info/hola", "names"):
        gems.pushed("hola", f"1.{path.count('o')}{len(path)}.0")
        known = gems.get(path)
        body = known.get_data()
        require_digests(known, body)
        asked = {
            "If_None_Match": known.headers["ETag"],
            "Range": f"bytes={len(body) - 1}-",
        }
        unchanged = gems.get(path, **asked)
        assert (unchanged.status_code, unchanged.get_data()) == (304, b"")
        gems.pushed(f"zz-{len(path)}" if path == "names" else "hola", f"2.{len(path)}.0")
        if path == "versions":
            gems.pushed("zz", "1.0")
        tail = gems.get(path, **asked)
        whole = gems.get(path).get_data()
        assert tail.status_code == 206
        assert body[:-1] + tail.get_data() == whole
        assert tail.headers["Content-Range"] == (
            f"bytes {len(body) - 1}-{len(whole) - 1}/{len(whole)}"
        )
        require_digests(tail, whole)
        outside = gems.get(path, Range="bytes=999999999-")
        assert outside.status_code == 416
        assert outside.headers["Content-Range"] == f"bytes */{len(whole)}"
        for ignored in ("bytes=x", "bytes=0-1,2-3", "lines=1-"):
            answer = gems.get(path, Range=ignored)
            assert (answer.status_code, answer.get_data()) == (200, whole)
        last = gems.get(path, Range="bytes=-5")
        assert (last.status_code, last.get_data()) == (206, whole[-5:])
        head = gems.client.head(f"{gems.scope}/rubygems/{path}", headers=gems.headers)
        assert head.headers["Content-Length"] == str(len(whole))
        assert head.get_data() == b""
        assert "Content-Encoding" not in gems.get(path, Accept_Encoding="gzip").headers


@pytest.fixture
def in_repository(acme: Acme, world: World, gems_as: Callable[..., Gems]) -> Gems:
    """Speak as the owner, in the scope of one repository."""
    world.repository("acme", acme.owner, "only", protocol="rubygems")
    return gems_as(acme.owner, "/r/acme/only")


def grown_old(world: World, repository: str | None = None) -> datetime:
    """Make all that was pushed, and a repository, an hour older; returns when that was."""
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with world.context():
        for entry in ListingEntry.objects:
            entry.delete()  # its id, which says when it was written, cannot change
            entry.id = ObjectId.from_datetime(moment)
            if repository is not None:
                entry.repository = ObjectId.from_datetime(moment)
            entry.save(force_insert=True)
        if repository is not None:
            row = Repository.objects(name=repository).get()

            def replace() -> None:
                row.delete()
                row.id = ObjectId.from_datetime(moment)
                row.save(force_insert=True)

            coherence.change([organization_tag(row.organization.id)], replace)
    return moment


def test_the_legacy_index_is_given_again_when_it_changed(in_repository: Gems) -> None:
    in_repository.pushed("hola", "1.0.0")
    answer = in_repository.get("specs.4.8.gz")
    assert answer.headers["Content-Type"] == "application/x-gzip"
    assert "Content-Encoding" not in answer.headers
    # The change may be newer than a copy that was made when its transaction had begun.
    again = in_repository.get("specs.4.8.gz", If_Modified_Since=answer.headers["Last-Modified"])
    assert again.status_code == 200
    assert in_repository.get("specs.4.8.gz", If_Modified_Since="garbage").status_code == 200


def test_an_older_legacy_index_is_not_given_again(in_repository: Gems, world: World) -> None:
    in_repository.pushed("hola", "1.0.0")
    changed_at = grown_old(world, "only")
    answer = in_repository.get("specs.4.8.gz")
    assert answer.headers["Last-Modified"] == http_date(changed_at)
    for later, status in ((15, 304), (600, 304), (-1, 200), (0, 200), (14, 200)):
        since = http_date(changed_at + timedelta(seconds=later))
        again = in_repository.get("specs.4.8.gz", If_Modified_Since=since)
        assert (again.status_code, bool(again.get_data())) == (status, status == 200)


def test_a_copy_from_the_future_is_given_again(in_repository: Gems, world: World) -> None:
    """The client's clock is ahead: its copy may well be older than the last change."""
    in_repository.pushed("hola", "1.0.0")
    grown_old(world, "only")
    ahead = http_date(datetime.now(UTC) + timedelta(minutes=10))
    assert in_repository.get("specs.4.8.gz", If_Modified_Since=ahead).status_code == 200


def test_the_legacy_index_of_a_new_repository_is_new(in_repository: Gems, world: World) -> None:
    """Its copies may be of one that had its name before."""
    in_repository.pushed("hola", "1.0.0")
    changed_at = grown_old(world)
    since = http_date(changed_at + timedelta(seconds=600))
    assert in_repository.get("specs.4.8.gz", If_Modified_Since=since).status_code == 200


def test_the_legacy_index_is_given_again_when_more_of_it_may_be_read(
    acme: Acme, world: World, gems_as: Callable[..., Gems]
) -> None:
    """What a client has of it is as old as its own file: older gems can be new to it."""
    person = world.person("newcomer")
    repositories = [
        world.repository("acme", acme.owner, name, protocol="rubygems") for name in ("a", "b")
    ]
    gems_as(acme.owner, "/r/acme/b").pushed("older", "1.0.0")
    gems_as(acme.owner, "/r/acme/a").pushed("newer", "1.0.0")
    world.grant(repositories[0], acme.owner, person, RepositoryRole.READER)
    reader = gems_as(person)
    assert b"older" not in gzip.decompress(reader.get("specs.4.8.gz").get_data())
    world.grant(repositories[1], acme.owner, person, RepositoryRole.READER)
    since = http_date(datetime.now(UTC) + timedelta(hours=1))
    again = reader.get("specs.4.8.gz", If_Modified_Since=since)
    assert again.status_code == 200
    assert b"older" in gzip.decompress(again.get_data())


def test_every_form_of_the_key_is_taken(gems: Gems, world: World, acme: Acme) -> None:
    token = acme.maintainer.token
    basic = base64.b64encode(b"u:p").decode()
    for number, header in enumerate(
        (token, f"Bearer {token}", gems.headers["Authorization"], f"Basic {basic}, {token}")
    ):
        answer = world.app.test_client().post(
            "/o/acme/api/v1/gems",
            data=a_gem("hola", f"1.{number}").body,
            headers={"Authorization": header},
            content_type="application/x-www-form-urlencoded",  # as curl says
        )
        assert answer.status_code == 200, (header, answer.get_data())


def test_who_only_sees_the_status_line_is_told_why_too(
    gems_as: Callable[..., Gems], acme: Acme
) -> None:
    """``gem install`` and Bundler: "bad response <reason phrase> <status>"."""
    wrong = gems_as(acme.reader)
    wrong.token = "srg_wrong"  # noqa: S105  it is no secret
    assert wrong.get("versions").status == "401 This token is not valid, or was revoked."
    assert gems_as(acme.outsider).get("versions").status == "404 There is no organization acme."


def test_who_may_not_is_told_so(gems_as: Callable[..., Gems], acme: Acme) -> None:
    gems_as(acme.developer).pushed("hola", "1.0.0")
    gem = a_gem("hola", "1.1.0")
    nobody = gems_as().push(gem)
    assert nobody.status_code == 401
    assert nobody.headers["WWW-Authenticate"] == 'Basic realm="Packhouse"'
    assert gems_as(acme.reader).push(gem).status_code == 403
    assert gems_as(acme.outsider).push(gem).status_code == 404
    assert gems_as(acme.developer).yank("hola", "1.0.0").status_code == 403
    assert gems_as(acme.outsider).yank("hola", "1.0.0").status_code == 404
    for path in ("versions", "names", "specs.4.8.gz", "info/hola", "gems/hola-1.0.0.gem", ""):
        assert gems_as().get(path).status_code == 401, path
        assert gems_as(acme.outsider).get(path).status_code == 404, path
        assert gems_as(acme.reader).get(path).status_code == 200, path
    wrong = gems_as(acme.reader)
    wrong.token = "srg_wrong"  # noqa: S105  it is no secret
    assert wrong.get("versions").status_code == 401


@pytest.mark.parametrize(
    ("parameters", "status", "sentence"),
    [
        ({}, 400, "'gem_name' and 'version' are needed"),
        ({"gem_name": "hola"}, 400, "'gem_name' and 'version' are needed"),
        ({"gem_name": "other", "version": "1.0.0"}, 404, "This gem could not be found."),
        ({"gem_name": "Hola", "version": "1.0.0"}, 404, "This gem could not be found."),
        ({"gem_name": "hola", "version": "9"}, 404, "The version 9 does not exist."),
        ({"gem_name": "hola", "version": "x\n"}, 404, "does not exist."),
    ],
)
def test_yanks_that_cannot_be(
    gems: Gems, parameters: dict[str, str], status: int, sentence: str
) -> None:
    gems.pushed("hola", "1.0.0")
    answer = gems.request("DELETE", "api/v1/gems/yank", query_string=parameters)
    assert answer.status_code == status
    assert sentence in answer.get_data(as_text=True)


def test_two_gems_never_share_a_file(gems: Gems) -> None:
    gems.pushed("a", "1", platform="x86-darwin-20")
    answer = gems.push(a_gem("a-1-x86-darwin", "20"))
    assert answer.status_code == 409
    assert "a-1-x86-darwin-20.gem" in answer.get_data(as_text=True)


def test_no_gem_has_a_file_that_could_be_anothers(
    gems_as: Callable[..., Gems], gems: Gems, acme: Acme, world: World
) -> None:
    """A longer name with a shorter version is the same file: ``a-1-x86-darwin`` 20."""
    mallory = world.person("eve")
    world.organization("evil", mallory)
    world.repository("evil", mallory, "gems", protocol="rubygems", visibility=Visibility.PUBLIC)
    gem = gems.pushed("a", "1", platform="x86-darwin-20")
    other = gems_as(mallory, "/o/evil").push(a_gem("a-1-x86-darwin", "20", files=b"evil"))
    assert gems_as(acme.reader, "").get(f"gems/{gem.filename}").data == gem.body
    assert other.status_code == 409
    assert gems.push(a_gem("b-1-x86-darwin", "20")).status_code == 409
    for name, version in (("b-1-x86-darwin", "20.0"), ("b-1", "2"), ("b-2-json", "1.0")):
        gems.pushed(name, version)


def test_a_name_too_similar_is_refused_on_the_platform(
    gems_as: Callable[..., Gems], acme: Acme
) -> None:
    platform = gems_as(acme.developer, "")
    platform.pushed("ho-la", "1.0.0")
    answer = platform.push(a_gem("ho_la", "1.0.0"))
    assert answer.status_code == 409
    assert "too similar" in answer.get_data(as_text=True)


def test_many_at_once_leave_indexes_that_agree(gems_as: Callable[..., Gems], acme: Acme) -> None:
    wanted = [a_gem(f"gem-{number}", "1.0") for number in range(AT_ONCE)]
    wanted += [a_gem("same", f"1.{number}") for number in range(AT_ONCE)]

    def push(gem: object) -> TestResponse:
        return gems_as(acme.developer).push(gem)  # type: ignore[arg-type]

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(push, wanted))
    assert [one.status_code for one in answers] == [200] * len(wanted)
    reader = gems_as(acme.reader)
    versions = reader.get("versions")
    require_digests(versions, versions.get_data())
    newest = {}
    for line in versions.get_data(as_text=True).split("---\n")[1].splitlines():
        name, _numbers, digest = line.split(" ")
        newest[name] = digest
    assert set(newest) == {one.name for one in wanted}
    for name, digest in newest.items():
        assert md5(reader.text(f"info/{name}")) == digest


def test_tools_are_told_of_gems_as_json(gems: Gems) -> None:
    gem = gems.pushed("hola", "1.2.0", runtime={"rack": ["~> 3.0"]})
    gems.pushed("hola", "2.0.0.rc1")
    found = gems.get("api/v1/gems/hola.json").get_json()
    assert (found["name"], found["version"], found["sha"]) == ("hola", "1.2.0", gem.sha256)
    assert found["dependencies"]["runtime"] == [{"name": "rack", "requirements": "~> 3.0"}]
    assert (
        gems.client.get(
            found["gem_uri"].removeprefix("http://localhost"), headers=gems.headers
        ).get_data()
        == gem.body
    )
    versions = gems.get("api/v1/versions/hola.json").get_json()
    assert [(one["number"], one["prerelease"]) for one in versions] == [
        ("1.2.0", False),
        ("2.0.0.rc1", True),
    ]
    assert gems.get("api/v1/versions/hola/latest.json").get_json() == {"version": "1.2.0"}
    one = gems.get("api/v2/rubygems/hola/versions/2.0.0.rc1.json").get_json()
    assert one["number"] == "2.0.0.rc1"
    assert gems.get("api/v2/rubygems/hola/versions/9.json").status_code == 404
    assert [one["name"] for one in gems.get("api/v1/search.json?query=ho").get_json()] == ["hola"]
    assert [one["name"] for one in gems.get("api/v1/gems.json").get_json()] == ["hola"]
    assert gems.get("api/v1/gems/none.json").status_code == 404
    for page in ("0", "1001", "x", "1" * 5000):
        assert gems.get(f"api/v1/search.json?page={page}").status_code == 400


def test_owners_come_and_go(gems: Gems, acme: Acme) -> None:
    gems.pushed()
    listed = gems.get("api/v1/gems/hola/owners.yaml").get_data(as_text=True)
    assert "handle: mallory" in listed
    email = acme.developer.user.email
    added = gems.request("POST", "api/v1/gems/hola/owners", data={"email": email})
    assert (added.status_code, added.get_data()) == (200, b"Owner added successfully.")
    handles = [one["handle"] for one in gems.get("api/v1/gems/hola/owners.json").get_json()]
    assert handles == ["mallory", "dave"]
    removed = gems.request("DELETE", "api/v1/gems/hola/owners", data={"email": "mallory"})
    assert removed.status_code == 200
    last = gems.request("DELETE", "api/v1/gems/hola/owners", data={"email": "dave"})
    assert last.status_code == 400
    missing = gems.request("POST", "api/v1/gems/hola/owners", data={"email": "none@x.test"})
    assert (missing.status_code, missing.get_data()) == (404, b"Owner could not be found.\n")


def test_a_key_may_be_for_one_gem_and_for_a_time(gems: Gems, world: World) -> None:
    password = base64.b64encode(b"dave@packhouse.test:correct horse battery staple").decode()
    client = world.app.test_client()

    def ask(**fields: str) -> TestResponse:
        return client.post(
            "/api/v1/api_key", data=fields, headers={"Authorization": f"Basic {password}"}
        )

    expires_at = (now() + timedelta(hours=2)).replace(microsecond=0)
    answer = ask(name=" ", rubygem_name="hola", expires_at=f"{expires_at:%Y-%m-%dT%H:%M:%SZ}")
    assert answer.status_code == 200
    gems.token = answer.get_data(as_text=True)
    with world.context():
        (token,) = ApiToken.objects(kind="login")
        assert (token.name, token.packages) == ("gem signin", ["hola"])
        assert token.expires_at == expires_at
    assert gems.push(a_gem()).status_code == 200
    refused = gems.push(a_gem(name="adios"))
    assert refused.status_code == 403
    assert "limited to the packages hola" in refused.get_data(as_text=True)
    for fields, words in (
        ({"expires_at": "soon"}, "2026-01-31T12:00:00Z"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "2026-01-31T12:00:00Z"),
        ({"expires_at": "2026-01-31"}, "expires_at: It has to lie in the future."),
        ({"rubygem_name": "../hola"}, "is not a gem name"),
        ({"name": "a\nb"}, "name: 1 to 100 printable characters."),
    ):
        refused = ask(**fields)
        assert refused.status_code in {400, 422}
        assert words in refused.get_data(as_text=True)


def test_signing_in_gives_a_key_and_nothing_else(gems: Gems, world: World) -> None:
    password = base64.b64encode(b"dave@packhouse.test:correct horse battery staple").decode()
    client = world.app.test_client()
    answer = client.post(
        "/api/v1/api_key",
        data={"name": "x" * 1000, "index_rubygems": "true", "unknown": "1"},
        headers={"Authorization": f"Basic {password}"},
    )
    assert answer.status_code == 200
    key = answer.get_data(as_text=True)
    assert key.startswith("srg_")
    assert key == key.strip()
    gems.token = key
    assert gems.push(a_gem()).status_code == 200
    wrong = base64.b64encode(b"dave@packhouse.test:wrong").decode()
    refused = client.post("/api/v1/api_key", headers={"Authorization": f"Basic {wrong}"})
    assert refused.status_code == 401
    assert client.post("/api/v1/api_key").status_code == 401
    assert client.get("/api/v1/api_key").status_code == 410
    me = client.get("/api/v1/profile/me.yaml", headers={"Authorization": f"Basic {password}"})
    assert "handle: dave" in me.get_data(as_text=True)
    assert client.post("/api/v1/webauthn_verification").status_code == 404
    assert client.get("/api/v1/dependencies").status_code == 404


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def require_digests(answer: TestResponse, whole: bytes) -> None:
    sha256 = base64.b64encode(hashlib.sha256(whole).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{sha256}:"
    assert answer.headers["Digest"] == f"sha-256={sha256}"
    digest = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    assert answer.headers["ETag"] == f'"{digest}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
