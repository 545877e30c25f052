"""Uploads: what becomes of a file, of the same again, and of many at once."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson
import pytest

from app.auth.principal import TokenLimits
from app.models import (
    NameClaim,
    OrganizationRole,
    Package,
    PackageStatus,
    PendingEvent,
    PublishClaim,
    Version,
)
from app.models.rows import rows_of
from app.registry import repository_management, version_management
from app.registry.repository_management import RepositoryContent, RepositorySettingsContent
from tests.distributions import a_wheel, an_sdist
from tests.integration.protocols.pypi.conftest import basic

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acme import Acme
    from tests.integration.protocols.pypi.conftest import Pypi
    from tests.world import World

AT_ONCE = 12


def limit_repository(acme: Acme, settings: RepositorySettingsContent) -> None:
    repository_management.update_repository(
        acme.owner.principal,
        acme.repository,
        lambda shown: RepositoryContent(
            name=shown.name, visibility=shown.visibility, settings=settings
        ),
    )


def test_a_wheel_and_an_sdist_are_files_of_one_release(pypi: Pypi, world: World) -> None:
    wheel, sdist = a_wheel("My.Pkg", "1.0"), an_sdist("My.Pkg", "1.0")
    assert pypi.upload(wheel).status_code == 200
    assert pypi.upload(sdist).status_code == 200
    page = pypi.page()
    assert page["versions"] == ["1.0"]
    assert [one["filename"] for one in page["files"]] == [wheel.filename, sdist.filename]
    for one in (wheel, sdist):
        file = pypi.files()[one.filename]
        assert file["hashes"] == {"sha256": one.sha256}
        assert file["size"] == len(one.body)
        assert pypi.download(file["url"]).get_data() == one.body
    with world.context():
        assert Version.objects.count() == 1
        assert not PublishClaim.objects.count()


def test_core_metadata_is_served_beside_the_file(pypi: Pypi) -> None:
    wheel = pypi.uploaded("My.Pkg", "1.0", "Requires-Dist: other>=1", description="Ünïcode")
    file = pypi.files()[wheel.filename]
    answer = pypi.download(file["url"] + ".metadata")
    assert answer.get_data() == wheel.metadata
    assert file["core-metadata"] == {"sha256": hashlib.sha256(wheel.metadata).hexdigest()}
    assert "dist-info-metadata" not in file


def test_what_came_in_the_same_second_is_visible(pypi: Pypi) -> None:
    for version in range(6):  # of which two come in one second
        pypi.uploaded("My.Pkg", f"1.{version}")
        page = pypi.get("simple/my-pkg/")
        pypi.uploaded("My.Pkg", f"2.{version}")
        since = page.headers.get("Last-Modified", "")
        again = pypi.get("simple/my-pkg/", If_Modified_Since=since)
        assert again.status_code == 200
        assert f"my_pkg-2.{version}-" in again.get_data(as_text=True)


def test_the_same_file_again_changes_nothing(pypi: Pypi, world: World) -> None:
    wheel = pypi.uploaded()
    before = pypi.page()
    assert pypi.upload(wheel).status_code == 200
    assert pypi.page() == before
    with world.context():
        assert len(Version.objects.get().files) == 2  # and its metadata


def test_the_same_file_again_takes_no_room(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded()
    with world.context():
        limit_repository(acme, RepositorySettingsContent(quota_bytes=len(wheel.body)))
    assert pypi.upload(wheel).status_code == 200
    assert pypi.upload(a_wheel("My.Pkg", "1.1")).status_code == 403


def test_other_bytes_under_the_same_name_are_refused(pypi: Pypi) -> None:
    wheel = pypi.uploaded()
    other = a_wheel(files={"my_pkg.py": b"VERSION = 2\n"})
    answer = pypi.upload(other)
    assert answer.status == (
        "400 File already exists ('my_pkg-1.0-py3-none-any.whl'). Files are immutable: "
        "publish what has changed as a new version."
    )
    assert answer.get_data(as_text=True).startswith("File already exists")
    assert pypi.download(pypi.files()[wheel.filename]["url"]).get_data() == wheel.body


def test_a_release_has_one_source_distribution(pypi: Pypi) -> None:
    assert pypi.upload(an_sdist("My.Pkg", "1.0")).status_code == 200
    answer = pypi.upload(an_sdist("My.Pkg", "1.0", spelled="My.Pkg-1.0"))
    assert answer.status_code == 400
    assert "my_pkg-1.0.tar.gz" in answer.get_data(as_text=True)
    assert list(pypi.files()) == ["my_pkg-1.0.tar.gz"]


def test_another_spelling_of_the_version_is_the_same_release(pypi: Pypi) -> None:
    pypi.uploaded("My.Pkg", "1.0")
    assert pypi.upload(a_wheel("My.Pkg", "1.0.0", tag="py2-none-any")).status_code == 200
    page = pypi.page()
    assert page["versions"] == ["1.0"]
    assert len(page["files"]) == 2


def test_the_newest_spelling_of_the_name_is_displayed(pypi: Pypi) -> None:
    pypi.uploaded("My.Pkg", "1.0")
    pypi.uploaded("my-PKG", "1.1")
    assert pypi.page()["name"] == "my-pkg"
    assert pypi.get("my-pkg/json").get_json()["info"]["name"] == "my-PKG"
    assert "my-PKG" in pypi.get("simple/").get_data(as_text=True)


def test_an_upload_is_audited_with_its_files(pypi: Pypi, acme: Acme, world: World) -> None:
    wheel = pypi.uploaded()
    with world.context():
        events = [orjson.loads(one.body) for one in PendingEvent.objects]
    [published] = [one for one in events if one["action"] == "package.publish"]
    assert wheel.sha256 in published["details"]["sha256"]
    assert published["details"]["files"] == [wheel.filename]
    assert published["actor"]["name"] == acme.developer.user.username


@pytest.mark.parametrize("path", ["legacy/", "legacy", ""])
def test_every_way_to_the_upload_is_handled_and_none_redirected(pypi: Pypi, path: str) -> None:
    assert pypi.post(a_wheel().form(), path).status_code == 200
    assert len(pypi.files()) == 1


def test_a_file_name_may_come_as_rfc_5987_has_it(pypi: Pypi) -> None:
    wheel = a_wheel()
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in wheel.fields.items()
    ]
    disposition = f"form-data; name=\"content\"; filename*=UTF-8''{wheel.filename}"
    parts.append(f"--b\r\nContent-Disposition: {disposition}\r\n\r\n")
    answer = pypi.client.post(
        "/o/acme/pypi/legacy/",
        data="".join(parts).encode() + wheel.body + b"\r\n--b--\r\n",
        headers=pypi.headers,
        content_type="Multipart/Form-Data; boundary=b",
    )
    assert answer.status_code == 200, answer.get_data()
    assert list(pypi.files()) == [wheel.filename]


def test_a_local_version_is_taken(pypi: Pypi) -> None:
    wheel = pypi.uploaded("My.Pkg", "1.0+cu121")
    url = pypi.files()[wheel.filename]["url"]
    assert url.endswith("/1.0%2Bcu121/my_pkg-1.0%2Bcu121-py3-none-any.whl")
    assert pypi.download(url).get_data() == wheel.body
    assert pypi.download(url.replace("%2B", "+")).get_data() == wheel.body


def test_of_many_at_once_with_one_name_one_is_taken(
    pypi_as: Callable[..., Pypi], acme: Acme
) -> None:
    wheels = [
        a_wheel(files={"my_pkg.py": f"VERSION = {number}\n".encode()}) for number in range(AT_ONCE)
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda one: pypi_as(acme.developer).upload(one), wheels))
    codes = [one.status_code for one in answers]
    assert sorted(set(codes)) == [200, 400]
    assert codes.count(200) == 1
    reader = pypi_as(acme.reader)
    [file] = reader.page()["files"]
    assert file["hashes"]["sha256"] == wheels[codes.index(200)].sha256


def test_many_files_of_one_release_at_once_are_all_there(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    wheels = [a_wheel(tag=f"py3-none-plat{number}") for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda one: pypi_as(acme.developer).upload(one), wheels))
    assert [one.status_code for one in answers] == [200] * AT_ONCE
    assert set(pypi_as(acme.reader).files()) == {one.filename for one in wheels}
    with world.context():
        assert Version.objects.count() == 1
        assert Package.objects.get().revision == AT_ONCE


def test_many_projects_at_once_are_all_listed(pypi_as: Callable[..., Pypi], acme: Acme) -> None:
    wheels = [a_wheel(f"project-{number}") for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda one: pypi_as(acme.developer).upload(one), wheels))
    assert [one.status_code for one in answers] == [200] * AT_ONCE
    listed = pypi_as(acme.reader).get("simple/", Accept="application/vnd.pypi.simple.v1+json")
    names = [one["name"] for one in listed.get_json(force=True)["projects"]]
    assert names == sorted(f"project-{number}" for number in range(AT_ONCE))


def test_who_may_not_publish_is_refused_before_the_body(
    pypi_as: Callable[..., Pypi], acme: Acme
) -> None:
    broken = {"content": "no file"}  # would be a 400
    nobody = pypi_as().post(broken)
    assert nobody.status_code == 401
    assert nobody.headers["WWW-Authenticate"] == 'Basic realm="Packhouse"'
    assert pypi_as(acme.reader).post(broken).status_code == 403
    assert pypi_as(acme.outsider).post(broken).status_code == 404
    assert pypi_as(acme.developer).post(broken).status_code == 400


def test_a_member_is_told_what_to_ask_for(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    """As where there is no repository at all."""
    member = world.person("megan")
    world.member("acme", acme.owner, member, OrganizationRole.MEMBER)
    answer = pypi_as(member).upload(a_wheel("My.Pkg", "1.0"))
    assert answer.status_code == 403
    assert answer.text == (
        "acme has no pypi repository that you may publish to. "
        "Ask one of its owners to create one and to grant you access.\n"
    )


def test_credentials_come_in_every_form_that_clients_send(
    world: World, acme: Acme, pypi_as: Callable[..., Pypi]
) -> None:
    wheel = pypi_as(acme.developer).uploaded()
    token = acme.reader.token
    client = world.app.test_client()
    for headers in (
        basic("__token__", token),
        basic("rita", token),
        basic("rita@packhouse.test", "correct horse battery staple"),
        basic(token, ""),
        {"Authorization": f"Bearer {token}"},
    ):
        answer = client.get("/o/acme/simple/my-pkg/", headers=headers)
        assert wheel.filename in answer.get_data(as_text=True), headers


@pytest.mark.parametrize("limit", [2000, 2 * 1024**3])
def test_a_repositorys_own_limit_counts(pypi: Pypi, acme: Acme, world: World, limit: int) -> None:
    with world.context():
        settings = world.app.extensions["packhouse.settings"]
        limit_repository(acme, RepositorySettingsContent(max_file_bytes=limit))
    body = bytes(range(256)) * 20  # below both limits once compressed, or above the smaller
    wheel = a_wheel("My.Pkg", "1.0", files={"my_pkg.py": os.urandom(len(body))})
    announced = {"CONTENT_LENGTH": str(settings.max_file_bytes + 2**30)}
    answer = pypi.upload(wheel)
    assert answer.status_code == (413 if limit < len(body) else 200)
    too_much = pypi.client.post(
        "/o/acme/pypi/legacy/",
        headers=pypi.headers,
        content_type="multipart/form-data; boundary=b",
        environ_overrides=announced,
    )
    # What is announced is within the larger limit, and then does not come.
    assert too_much.status_code == (413 if limit < len(body) else 400)
    if limit < len(body):
        assert too_much.text == "The upload is larger than the limit of 2000 bytes.\n"


def test_a_token_limited_to_a_project_may_begin_it_anywhere(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    limits = TokenLimits(packages=frozenset({"my-pkg"}))
    person = world.with_token(acme.developer.user, limits)
    for version, scope in enumerate(("/r/acme/pypi", "/o/acme", "")):
        speaker = pypi_as(person, scope)
        assert speaker.upload(a_wheel("My.Pkg", f"1.{version}")).status_code == 200, scope
        assert speaker.upload(a_wheel("other", "1.0")).status_code == 403, scope


def test_a_token_limited_to_a_spelling_says_what_the_name_is(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    pypi_as(acme.developer).uploaded("My.Pkg", "1.0")
    limits = TokenLimits(packages=frozenset({"My.Pkg"}))
    speaker = pypi_as(world.with_token(acme.developer.user, limits))
    for answer in (speaker.upload(a_wheel("My.Pkg", "1.1")), speaker.get("simple/my-pkg/")):
        assert (answer.status_code, answer.text) == (
            403,
            "This token is limited to the packages My.Pkg; this is my-pkg.\n",
        )


@pytest.mark.parametrize("status", [PackageStatus.ARCHIVED, PackageStatus.QUARANTINED])
def test_a_closed_project_takes_no_uploads(pypi: Pypi, world: World, status: PackageStatus) -> None:
    pypi.uploaded("My.Pkg", "1.0")
    with world.context():
        Package.objects.update(status=status, status_reason="moved on")
    answer = pypi.upload(a_wheel("My.Pkg", "1.1"))
    assert answer.status_code == 403
    assert f"is {status} (moved on)" in answer.get_data(as_text=True)


def test_the_first_upload_takes_the_name_for_the_platform(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    pypi_as(acme.developer, "").uploaded("My.Pkg", "1.0")
    with world.context():
        assert NameClaim.objects.get().name == "my-pkg"
    similar = pypi_as(acme.developer, "").upload(a_wheel("MyPkg", "1.0"))
    assert similar.status_code == 403
    assert "too similar" in similar.get_data(as_text=True)


def attestation(predicate: str) -> dict[str, object]:
    statement = json.dumps({"predicateType": predicate, "subject": []}).encode()
    return {
        "version": 1,
        "verification_material": {"certificate": "", "transparency_entries": []},
        "envelope": {
            "statement": base64.b64encode(statement).decode(),
            "signature": base64.b64encode(b"signature").decode(),
        },
    }


def test_attestations_are_kept_and_given_and_not_vouched_for(pypi: Pypi) -> None:
    sent = [attestation("https://slsa.dev/provenance/v1"), attestation("https://x.test/publish")]
    wheel, plain = a_wheel("My.Pkg", "1.0"), a_wheel("My.Pkg", "1.1")
    assert pypi.upload(wheel, attestations=json.dumps(sent)).status_code == 200
    assert pypi.upload(plain).status_code == 200
    given = pypi.get(f"integrity/my-pkg/1.0/{wheel.filename}/provenance")
    assert given.headers["Content-Type"] == "application/vnd.pypi.integrity.v1+json"
    [bundle] = json.loads(given.get_data())["attestation_bundles"]
    assert bundle["attestations"] == sent
    assert bundle["publisher"]["kind"] == "Unverified"
    assert all(one["provenance"] is None for one in pypi.files().values())
    missing = pypi.get(f"integrity/my-pkg/1.1/{plain.filename}/provenance")
    assert (missing.status_code, missing.get_json()) == (
        404,
        {"message": f"No provenance available for {plain.filename}"},
    )
    other = pypi.get(f"integrity/my-pkg/1.0/{wheel.filename}/provenance", Accept="text/html")
    assert other.status_code == 406
    assert "integrity" in other.get_json()["message"]


def test_two_attestations_of_one_kind_are_refused(pypi: Pypi) -> None:
    twice = [attestation("https://slsa.dev/provenance/v1")] * 2
    answer = pypi.upload(a_wheel(), attestations=json.dumps(twice))
    assert answer.status_code == 400
    assert "two of one predicate type" in answer.get_data(as_text=True)


def test_a_release_can_be_yanked_while_it_is_uploaded_and_read(
    pypi_as: Callable[..., Pypi], acme: Acme, world: World
) -> None:
    """Whatever the order, each answer shows one state, and in the end all files are yanked."""
    pypi_as(acme.developer).uploaded("My.Pkg", "1.0", tag="py3-none-first")
    wheels = [a_wheel("My.Pkg", "1.0", tag=f"py3-none-plat{number}") for number in range(AT_ONCE)]

    def yank(number: int) -> int:
        with world.context():
            version_management.set_yanked(
                acme.maintainer.principal,
                str(Package.objects.get(name="my-pkg").id),
                "1.0",
                yanked=number % 2 == 0,
                reason=f"reason {number}",
            )
        return 200

    def read(_number: int) -> set[object]:
        return {one["yanked"] for one in pypi_as(acme.reader).page()["files"]}

    with ThreadPoolExecutor(AT_ONCE) as threads:
        uploads = [threads.submit(pypi_as(acme.developer).upload, one) for one in wheels]
        yanks = [threads.submit(yank, number) for number in range(5)]
        reads = [threads.submit(read, number) for number in range(AT_ONCE)]
    assert {one.result().status_code for one in uploads} == {200}
    assert {one.result() for one in yanks} == {200}
    assert all(len(one.result()) == 1 for one in reads)
    yank(4)
    assert read(0) == {"reason 4"}
    assert len(pypi_as(acme.reader).files()) == AT_ONCE + 1


def test_a_release_that_holds_no_more_files(pypi: Pypi, world: World) -> None:
    assert pypi.upload(a_wheel()).status_code == 200
    with world.context():
        rows_of(Version).update_one({}, {"$set": {"readme": "x" * (16 * 1024**2 - 5000)}})
    answers = [pypi.upload(a_wheel(tag=f"py3-none-any{number}")) for number in range(9)]
    refused = [one for one in answers if one.status_code != 200]
    assert {one.status_code for one in refused} == {409}
    assert b"as many files as one can have" in refused[0].get_data()
    with world.context():
        assert not PublishClaim.objects.count()
