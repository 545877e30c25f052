from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from app.models import AuditRecord, Package, PendingEvent, PublishClaim, Version
from tests.npm_wire import PublishDocument, a_publish, tarball

if TYPE_CHECKING:
    from tests.acme import Acme
    from tests.integration.protocols.npm.conftest import Npm
    from tests.world import World

ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"


def test_a_published_version_is_in_the_packument_with_digests_of_the_stored_bytes(npm: Npm) -> None:
    sent = npm.published()
    dist = npm.packument()["versions"]["1.0.0"]["dist"]
    stored = npm.get("@acme/thing/-/thing-1.0.0.tgz").get_data()
    assert stored == sent.tarball
    assert dist["shasum"] == hashlib.sha1(stored, usedforsecurity=False).hexdigest()
    assert (
        dist["integrity"] == "sha512-" + base64.b64encode(hashlib.sha512(stored).digest()).decode()
    )


def test_a_publish_is_recorded_in_the_audit_with_the_change(npm: Npm, acme: Acme) -> None:
    npm.published()
    events = [json.loads(one.body) for one in PendingEvent.objects] or list(AuditRecord.objects)
    published = [one for one in events if one["action"] == "package.publish"]
    assert [one["actor"]["name"] for one in published] == [acme.maintainer.user.username]


def test_the_manifest_is_what_the_tarball_says_not_what_the_document_says(npm: Npm) -> None:
    document = a_publish("@acme/thing", dependencies={"left-pad": "^1.3.0"})
    document.manifest["dependencies"] = {"evil": "*"}
    document.manifest["scripts"] = {"postinstall": "evil"}
    assert npm.publish(document).status_code == 201
    manifest = npm.packument()["versions"]["1.0.0"]
    assert manifest["dependencies"] == {"left-pad": "^1.3.0"}
    assert "scripts" not in manifest
    assert "hasInstallScript" not in manifest


def test_the_four_spellings_of_a_scoped_name_are_one_document(npm: Npm) -> None:
    npm.published()
    spellings = ("@acme%2fthing", "@acme%2Fthing", "@acme/thing", "%40acme%2fthing")
    assert len({npm.get(one).headers["ETag"] for one in spellings}) == 1


def test_each_scope_gives_urls_of_its_own(npm_as: Any, acme: Acme) -> None:
    npm_as(acme.maintainer).published()
    for scope in ("", "/o/acme", "/r/acme/npm"):
        dist = npm_as(acme.reader, scope).packument()["versions"]["1.0.0"]["dist"]
        assert dist["tarball"] == f"http://localhost{scope}/npm/@acme/thing/-/thing-1.0.0.tgz"


@pytest.mark.parametrize(
    "path", ["/@acme/thing", "/o/acme/@acme%2fthing", "/r/acme/npm/@acme/thing"]
)
def test_short_paths_lead_to_the_same_package(path: str, npm: Npm, acme: Acme) -> None:
    npm.published()
    answer = npm.client.get(path, headers=acme.reader.bearer)
    assert answer.status_code == 200
    base = path[: path.index("@acme")]
    tarball = answer.get_json()["versions"]["1.0.0"]["dist"]["tarball"]
    assert tarball == f"http://localhost{base}@acme/thing/-/thing-1.0.0.tgz"


def test_the_abbreviated_form_is_given_to_who_prefers_it(npm: Npm) -> None:
    npm.published(description="shown", dependencies={"a": "1"})
    answer = npm.get("@acme/thing", Accept=ABBREVIATED)
    assert answer.content_type == "application/vnd.npm.install-v1+json"
    manifest = answer.get_json()["versions"]["1.0.0"]
    assert manifest["dependencies"] == {"a": "1"}
    assert "description" not in manifest
    assert answer.get_json()["time"]["1.0.0"]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "", "application/json, */*"])
def test_everybody_else_gets_the_full_form(accept: str, npm: Npm) -> None:
    npm.published()
    answer = npm.get("@acme/thing", Accept=accept)
    assert answer.content_type.startswith("application/json")
    assert answer.get_json()["_rev"]


def test_a_packument_for_a_change_is_full_and_never_stored(npm: Npm) -> None:
    npm.published()
    answer = npm.get("@acme/thing?write=true", Accept=ABBREVIATED)
    assert answer.get_json()["_rev"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_copy_that_is_still_right_costs_no_body(npm: Npm) -> None:
    npm.published()
    first = npm.get("@acme/thing")
    again = npm.get("@acme/thing", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_two_publishes_in_one_second_change_the_answer(npm: Npm) -> None:
    npm.published()
    first = npm.get("@acme/thing")
    npm.published(version="1.0.1")
    headers = {
        "If-None-Match": first.headers["ETag"],
        "If-Modified-Since": first.headers["Last-Modified"],
    }
    assert npm.get("@acme/thing", **headers).status_code == 200


def test_gzip_is_given_to_who_takes_it_with_an_etag_of_its_own(npm: Npm) -> None:
    npm.published()
    plain = npm.get("@acme/thing")
    packed = npm.get("@acme/thing", **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.get_data()) == plain.get_data()
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_one_version_is_read_by_number_and_by_tag(npm: Npm) -> None:
    npm.published()
    assert npm.get("@acme/thing/1.0.0").get_json()["_id"] == "@acme/thing@1.0.0"
    assert npm.get("@acme/thing/latest").get_json()["version"] == "1.0.0"
    missing = npm.get("@acme/thing/9.9.9")
    assert missing.status_code == 404
    assert missing.get_json() == {"error": "version not found: 9.9.9"}


@pytest.mark.parametrize(
    "path",
    [
        "@acme/thing/-/thing-1.0.0.tgz",
        "@acme%2fthing/-/thing-1.0.0.tgz",
        "@acme/thing/-/@acme/thing-1.0.0.tgz",
        "@acme/thing/-/@acme%2fthing-1.0.0.tgz",
    ],
)
def test_a_tarball_is_given_under_all_of_its_urls_as_it_is(path: str, npm: Npm) -> None:
    sent = npm.published()
    answer = npm.get(path, **{"Accept-Encoding": "gzip"})
    assert answer.get_data() == sent.tarball
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, immutable, max-age=31557600"


def test_a_range_of_a_tarball_is_given(npm: Npm) -> None:
    sent = npm.published()
    answer = npm.get("@acme/thing/-/thing-1.0.0.tgz", Range="bytes=10-19")
    assert (answer.status_code, answer.get_data()) == (206, sent.tarball[10:20])
    outside = npm.get("@acme/thing/-/thing-1.0.0.tgz", Range="bytes=999999-")
    assert outside.status_code == 416


def test_a_second_publish_of_a_version_is_refused_with_npms_own_sentence(npm: Npm) -> None:
    sent = npm.published()
    again = npm.publish(a_publish("@acme/thing", description="other bytes"))
    assert again.status_code == 403
    assert again.get_json() == {
        "error": "You cannot publish over the previously published versions: 1.0.0."
    }
    assert npm.get("@acme/thing/-/thing-1.0.0.tgz").get_data() == sent.tarball


def test_build_metadata_does_not_make_another_version(npm: Npm) -> None:
    npm.published()
    document = a_publish("@acme/thing", "1.0.0+b2")
    assert npm.publish(document).status_code == 403


def test_deprecation_changes_only_what_it_says(npm: Npm) -> None:
    npm.published()
    npm.published(version="1.1.0")
    packument = npm.get("@acme/thing?write=true").get_json()
    packument["versions"]["1.0.0"]["deprecated"] = "use 2"
    packument["dist-tags"] = {"latest": "1.0.0"}
    assert npm.request("PUT", "@acme%2fthing", json.dumps(packument).encode()).status_code == 201
    found = npm.packument()
    assert found["versions"]["1.0.0"]["deprecated"] == "use 2"
    assert "deprecated" not in found["versions"]["1.1.0"]
    assert found["dist-tags"] == {"latest": "1.1.0"}
    found["versions"]["1.0.0"]["deprecated"] = ""
    npm.request("PUT", "@acme%2fthing", json.dumps(found).encode())
    assert "deprecated" not in npm.packument()["versions"]["1.0.0"]


def _without(npm: Npm, version: str) -> dict[str, Any]:
    packument: dict[str, Any] = npm.get("@acme/thing?write=true").get_json()
    del packument["versions"][version]
    packument["dist-tags"] = {
        tag: number for tag, number in packument["dist-tags"].items() if number != version
    }
    return packument


def test_a_version_is_withdrawn_by_the_packument_without_it(npm: Npm) -> None:
    npm.published()
    npm.published(version="1.1.0")
    packument = _without(npm, "1.1.0")
    path = f"@acme%2fthing/-rev/{packument['_rev']}"
    assert npm.request("PUT", path, json.dumps(packument).encode()).status_code == 201
    found = npm.packument()
    assert list(found["versions"]) == ["1.0.0"]
    assert found["dist-tags"] == {"latest": "1.0.0"}
    assert npm.get("@acme/thing/-/thing-1.1.0.tgz").status_code == 404
    gone = npm.request("DELETE", f"@acme/thing/-/thing-1.1.0.tgz/-rev/{found['_rev']}")
    assert gone.status_code == 200
    again = npm.publish(a_publish("@acme/thing", "1.1.0"))
    assert again.status_code == 403
    assert again.get_json() == {
        "error": 'Cannot publish over previously published version "1.1.0".'
    }


def test_a_withdrawal_of_an_older_state_is_a_conflict(npm: Npm) -> None:
    npm.published()
    npm.published(version="1.1.0")
    packument = _without(npm, "1.1.0")
    npm.published(version="1.2.0")
    path = f"@acme%2fthing/-rev/{packument['_rev']}"
    answer = npm.request("PUT", path, json.dumps(packument).encode())
    assert (answer.status_code, answer.get_json()) == (409, {"error": "Document update conflict."})
    assert len(npm.packument()["versions"]) == 3


def test_a_withdrawn_package_keeps_its_name_and_numbers(npm: Npm) -> None:
    npm.published()
    revision = npm.get("@acme/thing?write=true").get_json()["_rev"]
    assert npm.request("DELETE", f"@acme%2fthing/-rev/{revision}").get_json() == {"ok": True}
    assert npm.get("@acme/thing").status_code == 404
    assert npm.publish(a_publish("@acme/thing")).status_code == 403
    npm.published(version="2.0.0")
    assert list(npm.packument()["versions"]) == ["2.0.0"]


def test_owners_are_replaced_by_known_users(npm: Npm) -> None:
    npm.published()
    revision = npm.packument()["_rev"]
    body = {
        "_id": "@acme/thing",
        "_rev": revision,
        "maintainers": [{"name": "mallory", "email": ""}, {"name": "dave", "email": ""}],
    }
    path = f"@acme%2fthing/-rev/{revision}"
    assert npm.request("PUT", path, json.dumps(body).encode()).status_code == 201
    assert [one["name"] for one in npm.packument()["maintainers"]] == ["mallory", "dave"]


def test_a_star_is_the_callers_own(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    body = {
        "_id": "@acme/thing",
        "_rev": npm.packument()["_rev"],
        "users": {"rita": True, "dave": True},
    }
    reader = npm_as(acme.reader)
    assert reader.request("PUT", "@acme%2fthing", json.dumps(body).encode()).status_code == 201
    assert npm.packument()["users"] == {"rita": True}
    stars = reader.get("-/_view/starredByUser?key=%22rita%22").get_json()
    assert stars == {"rows": [{"value": "@acme/thing"}]}


def test_pnpm_gives_lists_and_takes_a_star(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    reader, body = npm_as(acme.reader), b'{"name": "@acme/thing", "package": "@acme/thing"}'
    assert reader.request("PUT", "-/user/v1/star", body).status_code == 200
    assert npm.packument()["users"] == {"rita": True}
    assert reader.get("-/user/v1/star").get_json() == ["@acme/thing"]
    assert reader.request("DELETE", "-/user/v1/star", body).status_code == 200
    assert reader.get("-/user/v1/star").get_json() == []


def test_only_who_may_read_a_package_stars_it(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    body = b'{"name": "@acme/thing"}'
    assert npm_as(acme.outsider).request("PUT", "-/user/v1/star", body).status_code == 404
    assert npm_as().request("PUT", "-/user/v1/star", body).status_code == 401
    assert npm_as().get("-/user/v1/star").status_code == 401
    assert npm.request("PUT", "-/user/v1/star", b'{"name": 1}').status_code == 400
    assert "users" not in npm.packument()


def test_who_may_not_is_told_so_in_npms_words(npm: Npm, npm_as: Any, acme: Acme) -> None:
    npm.published()
    document = a_publish("@acme/thing", "2.0.0")
    assert npm_as(acme.reader).publish(document).status_code == 403
    assert npm_as(acme.outsider).get("@acme/thing").status_code == 404
    assert npm_as(acme.outsider).publish(document).status_code == 403
    anonymous = npm_as().get("@acme/thing")
    assert anonymous.status_code == 401
    assert anonymous.headers["WWW-Authenticate"] == 'Bearer realm="Packhouse"'
    refused = npm_as().publish(document)
    assert refused.status_code == 401
    assert "WWW-Authenticate" not in refused.headers
    assert "sign in" in refused.get_json()["error"]


def test_wrong_credentials_are_refused_on_public_data_too(npm_as: Any) -> None:
    wrong = npm_as()
    wrong.headers = {"Authorization": "Bearer srg_wrong"}
    assert wrong.get("-/whoami").status_code == 401
    assert wrong.get("anything").status_code == 401
    assert wrong.get("-/ping").get_json() == {}


def test_an_owners_first_publish_makes_the_repository(npm_as: Any, world: World) -> None:
    owner = world.person("olaf")
    world.organization("beta", owner)
    npm_as(owner).published("@beta/first")
    assert npm_as(owner, "/r/beta/npm").packument("@beta/first")["name"] == "@beta/first"


def test_a_refused_first_publish_leaves_no_repository_behind(npm_as: Any, world: World) -> None:
    owner = world.person("olaf")
    world.organization("beta", owner)
    document = a_publish("@beta/first")
    document.attachment["length"] += 1
    assert npm_as(owner).publish(document).status_code == 400
    assert world.app.test_client().get("/r/beta/npm/npm/x", headers=owner.bearer).status_code == 404
    assert Version.objects.count() == 0


def test_a_flat_name_belongs_to_its_first_organization_at_the_platform_scope(
    npm: Npm, npm_as: Any, world: World
) -> None:
    npm.published("left-pad")
    other = world.person("olaf")
    world.organization("beta", other)
    taken = npm_as(other).publish(a_publish("left-pad"))
    assert taken.status_code == 403
    assert "belongs to another organization" in taken.get_json()["error"]
    similar = npm_as(other).publish(a_publish("left_pad"))
    assert similar.status_code == 403
    assert "too similar" in similar.get_json()["error"]
    npm_as(other, "/o/beta").published("left-pad", "9.0.0")
    assert list(npm_as(other, "/o/beta").packument("left-pad")["versions"]) == ["9.0.0"]
    assert list(npm.packument("left-pad")["versions"]) == ["1.0.0"]


def test_a_namespace_of_nobodys_takes_no_publish(npm: Npm) -> None:
    answer = npm.publish(a_publish("@nobody/thing"))
    assert answer.status_code == 403
    assert "namespace" in answer.get_json()["error"]


def test_tags_move_and_go_but_latest_stays(npm: Npm) -> None:
    npm.published()
    npm.published(version="2.0.0", tag="next")
    assert npm.packument()["dist-tags"] == {"latest": "1.0.0", "next": "2.0.0"}
    tags = "-/package/@acme%2fthing/dist-tags"
    assert npm.request("PUT", f"{tags}/latest", b'"2.0.0"').get_json() == {"ok": True}
    assert npm.get(tags).get_json() == {"latest": "2.0.0", "next": "2.0.0"}
    assert npm.request("DELETE", f"{tags}/next").get_json() == {"ok": True}
    assert npm.request("DELETE", f"{tags}/latest").status_code == 403
    assert npm.request("PUT", f"{tags}/beta", b'"9.9.9"').status_code == 404
    assert npm.request("PUT", f"{tags}/1.x", b'"1.0.0"').status_code == 400


def test_a_crashed_publish_that_was_abandoned_is_taken_over(npm: Npm) -> None:
    npm.published(version="0.1.0")
    organization = Package.objects.get().organization.id
    PublishClaim(
        id=PublishClaim.key_of("npm", organization, "@acme/thing", "1.0.0"),
        attempt="dead",
        repository=Package.objects.get().repository.id,
        expires_at="2020-01-01T00:00:00Z",
    ).save()
    document = a_publish("@acme/thing", description="the second attempt")
    assert npm.publish(document).status_code == 201
    assert npm.get("@acme/thing/-/thing-1.0.0.tgz").get_data() == document.tarball


def test_a_long_readme_is_cut_at_64_kib(npm: Npm) -> None:
    content = tarball({"name": "@acme/thing", "version": "1.0.0"}, {"README.md": b"x" * 100_000})
    assert npm.publish(PublishDocument("@acme/thing", "1.0.0", content)).status_code == 201
    assert npm.packument()["readme"] == "x" * 65_536
