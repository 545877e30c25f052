"""Pushing, mounting, reading and removing blobs."""

from __future__ import annotations

import io
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from app.models import AuditRecord, Blob, BlobUpload, PendingEvent, RepositoryRole, UploadState
from app.protocols.oci.uploads import MOST_OPEN
from tests.integration.protocols.oci.conftest import an_image, code_of, sha256, sha512
from tests.oplog import a_write_under_way

if TYPE_CHECKING:
    from pymongo.database import Database

    from tests.acme import Acme
    from tests.integration.protocols.oci.conftest import Oci
    from tests.world import World

CONTENT = b"a layer, or whatever its media type says"
MIB = 1024 * 1024


def the_blob_is_there(oci: Oci, content: bytes, digest: str) -> None:
    answer = oci.get(f"blobs/{digest}")
    assert (answer.status_code, answer.get_data()) == (200, content)
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["ETag"] == f'"{digest}"'
    head = oci.head(f"blobs/{digest}")
    assert (head.status_code, head.get_data()) == (200, b"")
    assert head.headers["Content-Length"] == str(len(content))


@pytest.fixture(params=[sha256, sha512], ids=["sha256", "sha512"])
def digest_of(request: pytest.FixtureRequest) -> Any:
    """Each digest algorithm in turn."""
    return request.param


def test_a_single_post_pushes_a_whole_blob(oci: Oci, digest_of: Any) -> None:
    digest = digest_of(CONTENT)
    answer = oci.request("POST", f"acme/app/blobs/uploads/?digest={digest}", CONTENT)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v2/acme/app/blobs/{digest}"
    assert answer.headers["Docker-Content-Digest"] == digest
    the_blob_is_there(oci, CONTENT, digest)


def test_a_post_and_a_put_push_a_blob(oci: Oci, digest_of: Any) -> None:
    digest = digest_of(CONTENT)
    oci.blob(CONTENT, digest)
    the_blob_is_there(oci, CONTENT, digest)


def test_a_post_without_a_slash_begins_too(oci: Oci) -> None:
    answer = oci.request("POST", "acme/app/blobs/uploads")
    assert answer.status_code == 202
    assert answer.headers["Range"] == "0-0"
    assert answer.headers["Docker-Upload-UUID"] in answer.headers["Location"]
    assert answer.headers["Content-Length"] == "0"


def test_a_stream_without_length_range_or_type_is_taken_as_docker_sends_it(
    oci: Oci, digest_of: Any
) -> None:
    content = secrets.token_bytes(3 * MIB + 17)
    location = oci.begin()
    answer = oci.chunked("PATCH", location, content)
    assert answer.status_code == 202
    assert answer.headers["Range"] == f"0-{len(content) - 1}"
    digest = digest_of(content)
    assert oci.request("PUT", f"{answer.headers['Location']}?digest={digest}").status_code == 201
    the_blob_is_there(oci, content, digest)


@pytest.mark.parametrize("algorithm", ["", "?digest-algorithm=sha512"])
def test_chunks_become_one_blob(oci: Oci, digest_of: Any, algorithm: str) -> None:
    chunks = [secrets.token_bytes(1000) for _ in range(3)]
    location = oci.begin(algorithm)
    at = 0
    for chunk in chunks[:2]:
        answer = oci.request("PATCH", location, chunk, Content_Range=f"{at}-{at + len(chunk) - 1}")
        at += len(chunk)
        assert (answer.status_code, answer.headers["Range"]) == (202, f"0-{at - 1}")
        location = answer.headers["Location"]
    digest = digest_of(b"".join(chunks))
    answer = oci.request(
        "PUT", f"{location}?digest={digest}", chunks[2], Content_Range=f"bytes {at}-{at + 999}/*"
    )
    assert answer.status_code == 201
    the_blob_is_there(oci, b"".join(chunks), digest)


def test_a_chunk_out_of_order_says_where_the_upload_stands_and_it_goes_on(oci: Oci) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT[:10], Content_Range="0-9")
    for method, path in (("PATCH", location), ("PUT", f"{location}?digest={sha256(CONTENT)}")):
        answer = oci.request(method, path, CONTENT[20:30], Content_Range="20-29")
        assert code_of(answer) == (416, "BLOB_UPLOAD_INVALID")
        assert answer.headers["Location"] == location
        assert answer.headers["Range"] == "0-9"
    status = oci.request("GET", location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-9")
    oci.request("PATCH", location, CONTENT[10:], Content_Range=f"10-{len(CONTENT) - 1}")
    assert oci.request("PUT", f"{location}?digest={sha256(CONTENT)}").status_code == 201
    the_blob_is_there(oci, CONTENT, sha256(CONTENT))


def test_an_upload_goes_on_in_a_process_that_has_not_seen_its_beginning(
    oci: Oci, world: World
) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT[:10])
    world.app.extensions["packhouse.oci_hashes"].clear()
    oci.request("PATCH", location, CONTENT[10:20])
    answer = oci.request("PUT", f"{location}?digest={sha256(CONTENT)}", CONTENT[20:])
    assert answer.status_code == 201
    the_blob_is_there(oci, CONTENT, sha256(CONTENT))


def test_a_resumed_upload_with_a_wrong_digest_leaves_nothing(oci: Oci, world: World) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT[:10])
    world.app.extensions["packhouse.oci_hashes"].clear()
    wrong = sha256(b"something else")
    answer = oci.request("PUT", f"{location}?digest={wrong}", CONTENT[10:])
    assert code_of(answer) == (400, "DIGEST_INVALID")
    assert oci.get(f"blobs/{wrong}").status_code == 404
    assert oci.request("GET", location).status_code == 404


def test_a_put_whose_answer_was_lost_can_be_sent_again(oci: Oci) -> None:
    location = oci.begin()
    finishing = f"{location}?digest={sha256(CONTENT)}"
    assert oci.request("PUT", finishing, CONTENT).status_code == 201
    assert oci.request("PUT", finishing, CONTENT).status_code == 201


@pytest.mark.parametrize("requests", [1, 2], ids=["one-request", "two-requests"])
def test_an_upload_ends_well_while_another_write_is_under_way(
    oci: Oci, database: Database[dict[str, Any]], requests: int
) -> None:
    """Whose transactions would not see the upload's own row, were they not told to."""
    oci.begin()  # The package is there.
    with ThreadPoolExecutor(1) as pool:
        with a_write_under_way(database):
            place = f"{oci.name}/blobs/uploads/"
            method = "POST"
            if requests == 2:
                place, method = oci.begin(), "PUT"
            pushed = pool.submit(oci.request, method, f"{place}?digest={sha256(CONTENT)}", CONTENT)
            with pytest.raises(TimeoutError):
                pushed.result(timeout=0.5)
        assert pushed.result().status_code == 201
    the_blob_is_there(oci, CONTENT, sha256(CONTENT))


def test_an_upload_that_another_request_is_finishing_is_not_unknown(oci: Oci) -> None:
    """Or a client that repeats a request whose answer was 503 would give up the whole push."""
    location = oci.begin()
    BlobUpload.objects.update_one(set__state=UploadState.FINISHING)
    answer = oci.request("PUT", f"{location}?digest={sha256(CONTENT)}", CONTENT)
    assert code_of(answer) == (503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "5"


def test_a_cancelled_upload_is_over(oci: Oci) -> None:
    location = oci.begin()
    oci.request("PATCH", location, CONTENT)
    assert oci.request("DELETE", location).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert code_of(oci.request(method, location, CONTENT)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert BlobUpload.objects.count() == 0


@pytest.mark.parametrize("content", [b"", b"{}"], ids=["empty", "empty-json"])
def test_empty_blobs_are_blobs(oci: Oci, content: bytes, digest_of: Any) -> None:
    assert oci.get(f"blobs/{digest_of(content)}").status_code == 404
    oci.blob(content, digest_of(content))
    the_blob_is_there(oci, content, digest_of(content))


def test_a_post_with_the_digest_of_something_and_no_body_begins_an_upload(oci: Oci) -> None:
    answer = oci.request("POST", f"acme/app/blobs/uploads/?digest={sha256(CONTENT)}")
    assert answer.status_code == 202


@pytest.mark.parametrize("style", ["post", "put", "patch", "chunks", "stream"])
def test_a_wrong_digest_is_refused_however_the_blob_came(
    oci: Oci, style: str, digest_of: Any
) -> None:
    wrong = digest_of(b"something else")
    if style == "post":
        answer = oci.request("POST", f"acme/app/blobs/uploads/?digest={wrong}", CONTENT)
    else:
        location = oci.begin()
        last = b""
        if style == "put":
            last = CONTENT
        elif style == "patch":
            oci.request("PATCH", location, CONTENT)
        elif style == "chunks":
            oci.request("PATCH", location, CONTENT[:5], Content_Range="0-4")
            oci.request("PATCH", location, CONTENT[5:9], Content_Range="5-8")
        else:
            oci.chunked("PATCH", location, CONTENT)
        answer = oci.request("PUT", f"{location}?digest={wrong}", last)
        assert code_of(oci.request("GET", location)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert code_of(answer) == (400, "DIGEST_INVALID")
    assert code_of(oci.get(f"blobs/{wrong}")) == (404, "BLOB_UNKNOWN")
    assert Blob.objects.count() == 0


class BreaksOff(io.BytesIO):
    """A body whose client goes away in the middle, as our server tells of it."""

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError
        return piece


def test_what_came_of_a_body_that_breaks_off_is_kept_and_gone_on_with(oci: Oci) -> None:
    content = secrets.token_bytes(2 * MIB)
    location = oci.begin()
    answer = oci.client.patch(
        location,
        input_stream=BreaksOff(content[: MIB + 12]),
        headers={**oci.headers, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert code_of(answer) == (400, "BLOB_UPLOAD_INVALID")
    assert oci.request("GET", location).headers["Range"] == f"0-{MIB + 11}"
    oci.request("PATCH", location, content[MIB + 12 :])
    assert oci.request("PUT", f"{location}?digest={sha256(content)}").status_code == 201
    the_blob_is_there(oci, content, sha256(content))


def test_the_same_blob_is_stored_once_for_all_packages_of_an_organization(oci: Oci) -> None:
    for name in ("acme/app", "acme/other", "acme/deep/down/here"):
        oci.named(name).blob(CONTENT)
    assert Blob.objects.count() == 1
    the_blob_is_there(oci.named("acme/other"), CONTENT, sha256(CONTENT))


@pytest.mark.parametrize("query", ["mount={digest}&from=acme/app", "mount={digest}"])
def test_a_mount_links_without_copying(oci: Oci, query: str, digest_of: Any) -> None:
    digest = digest_of(CONTENT)
    oci.blob(CONTENT, digest)
    other = oci.named("acme/other")
    answer = other.request("POST", f"acme/other/blobs/uploads/?{query.format(digest=digest)}")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v2/acme/other/blobs/{digest}"
    the_blob_is_there(other, CONTENT, digest)
    assert Blob.objects.count() == 1


def test_a_mount_is_judged_by_the_rights_of_the_owner_of_the_token_not_by_its_scope(
    oci: Oci,
) -> None:
    oci.blob(CONTENT)
    target = oci.named("acme/other").bearer("repository:acme/other:pull,push")
    answer = target.request(
        "POST", f"acme/other/blobs/uploads/?mount={sha256(CONTENT)}&from=acme/app&origin=x"
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "query",
    ["mount={missing}&from=acme/app", "mount={missing}", "mount={there}&from=acme/nowhere"],
)
def test_what_cannot_be_mounted_is_uploaded(oci: Oci, query: str) -> None:
    oci.blob(CONTENT)
    query = query.format(missing=sha256(b"missing"), there=sha256(CONTENT))
    location = oci.named("acme/other").begin(f"?{query}")
    assert location.startswith("/v2/acme/other/blobs/uploads/")


def test_nobody_mounts_what_they_may_not_pull(
    oci: Oci, acme: Acme, world: World, oci_as: Any
) -> None:
    oci.blob(CONTENT)
    world.repository("acme", acme.owner, "theirs", protocol="oci")
    organization = world.app.test_client().get(
        "/api/v1/organizations/acme/repositories", headers=acme.owner.bearer
    )
    theirs = next(one for one in organization.get_json()["items"] if one["name"] == "theirs")
    world.grant(theirs["id"], acme.owner, acme.outsider, RepositoryRole.DEVELOPER)
    outsider = oci_as(acme.outsider, "acme/theirs/app")
    for query in (f"mount={sha256(CONTENT)}&from=acme/app", f"mount={sha256(CONTENT)}"):
        outsider.begin(f"?{query}")
    assert outsider.head(f"blobs/{sha256(CONTENT)}").status_code == 404


def test_blobs_of_another_organization_are_never_mounted(
    oci: Oci, world: World, acme: Acme
) -> None:
    oci.blob(CONTENT)
    world.organization("beta", acme.maintainer)
    beta = oci.named("beta/app")
    beta.begin(f"?mount={sha256(CONTENT)}&from=acme/app")
    assert beta.head(f"blobs/{sha256(CONTENT)}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "given", "content_range"),
    [
        ("bytes=0-4", 206, CONTENT[:5], f"bytes 0-4/{len(CONTENT)}"),
        ("bytes=5-", 206, CONTENT[5:], f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"),
        ("bytes=-5", 206, CONTENT[-5:], f"bytes 35-39/{len(CONTENT)}"),
        ("bytes=35-99999", 206, CONTENT[35:], f"bytes 35-39/{len(CONTENT)}"),
        ("bytes=-99999", 206, CONTENT, f"bytes 0-39/{len(CONTENT)}"),
        ("bytes=5-1", 416, None, f"bytes */{len(CONTENT)}"),
        ("bytes=99999-", 416, None, f"bytes */{len(CONTENT)}"),
        ("bytes=40-", 416, None, f"bytes */{len(CONTENT)}"),
        ("bytes=-0", 416, None, f"bytes */{len(CONTENT)}"),
        ("bytes=0-1,5-6", 200, CONTENT, None),
        ("lines=1-2", 200, CONTENT, None),
        ("bytes=-", 200, CONTENT, None),
    ],
)
def test_ranges_of_a_blob(
    oci: Oci, asked: str, status: int, given: bytes | None, content_range: str | None
) -> None:
    assert len(CONTENT) == 40
    oci.blob(CONTENT)
    answer = oci.get(f"blobs/{sha256(CONTENT)}", Range=asked)
    assert answer.status_code == status
    assert answer.headers.get("Content-Range") == content_range
    if given is not None:
        assert answer.get_data() == given


def test_a_range_of_an_older_blob_is_not_mixed_with_this_one(oci: Oci) -> None:
    oci.blob(CONTENT)
    path = f"blobs/{sha256(CONTENT)}"
    etag = oci.get(path).headers["ETag"]
    assert oci.get(path, Range="bytes=5-", If_Range=etag).get_data() == CONTENT[5:]
    assert oci.get(path, Range="bytes=5-", If_Range='"other"').get_data() == CONTENT


def test_a_range_of_an_empty_blob_cannot_be_given(oci: Oci) -> None:
    oci.blob(b"")
    assert oci.get(f"blobs/{sha256(b'')}", Range="bytes=0-").status_code == 416


def test_a_large_blob_comes_whole_and_in_ranges(oci: Oci) -> None:
    content = secrets.token_bytes(3 * MIB)
    digest = oci.blob(content)
    the_blob_is_there(oci, content, digest)
    part = oci.get(f"blobs/{digest}", Range=f"bytes={MIB}-{2 * MIB}")
    assert part.get_data() == content[MIB : 2 * MIB + 1]
    for known in (f'"{digest}"', f'W/"{digest}"', "*"):
        assert oci.get(f"blobs/{digest}", If_None_Match=known).status_code == 304


def test_a_blob_is_never_shown_by_a_browser(oci: Oci) -> None:
    digest = oci.blob(b"<script>alert(1)</script>")
    answer = oci.get(f"blobs/{digest}", Accept="text/html")
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


def test_what_a_blob_answer_may_be_kept_by(oci: Oci, acme: Acme, oci_as: Any) -> None:
    digest = oci.blob(CONTENT)
    private = oci.get(f"blobs/{digest}").headers["Cache-Control"]
    public = oci_as(acme.owner, "acme/pub/app")
    public.blob(CONTENT)
    assert private == "private, max-age=31536000, immutable"
    assert public.get(f"blobs/{digest}").headers["Cache-Control"] == "max-age=31536000, immutable"


def test_a_deleted_blob_is_gone_from_its_package_at_once(oci: Oci) -> None:
    digest = oci.blob(CONTENT)
    oci.named("acme/other").blob(CONTENT)
    assert oci.get(f"blobs/{digest}").status_code == 200
    assert oci.delete(f"blobs/{digest}").status_code == 202
    assert code_of(oci.get(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert oci.head(f"blobs/{digest}").status_code == 404
    assert code_of(oci.delete(f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    the_blob_is_there(oci.named("acme/other"), CONTENT, digest)


def test_a_blob_that_a_manifest_needs_is_not_deleted(oci: Oci) -> None:
    image = an_image(CONTENT)
    oci.push(image, "1")
    answer = oci.delete(f"blobs/{sha256(CONTENT)}")
    assert code_of(answer) == (405, "UNSUPPORTED")
    assert image.digest in answer.get_json()["errors"][0]["message"]
    oci.delete(f"manifests/{image.digest}")
    assert oci.delete(f"blobs/{sha256(CONTENT)}").status_code == 202


def test_pushes_mounts_and_deletions_are_audited(oci: Oci) -> None:
    digest = oci.blob(CONTENT)
    oci.named("acme/other").request("POST", f"acme/other/blobs/uploads/?mount={digest}")
    oci.delete(f"blobs/{digest}")
    events = [json.loads(one.body) for one in PendingEvent.objects] or list(AuditRecord.objects)
    told = {one["action"]: one for one in events}
    assert {"blob.push", "blob.mount", "blob.delete"} <= set(told)
    assert told["blob.push"]["details"]["digest"] == digest
    assert told["blob.push"]["organization"] == "acme"


def test_too_many_open_uploads_are_refused(oci: Oci) -> None:
    first = oci.begin()
    row = BlobUpload.objects.get().to_mongo()
    BlobUpload._get_collection().insert_many(
        {**row, "_id": f"open-{number}"} for number in range(MOST_OPEN - 1)
    )
    answer = oci.request("POST", "acme/app/blobs/uploads/")
    assert code_of(answer) == (429, "TOOMANYREQUESTS")
    assert answer.headers["Retry-After"]
    oci.request("DELETE", first)
    oci.begin()


def test_an_upload_is_its_callers_alone(oci: Oci, oci_as: Any, acme: Acme) -> None:
    location = oci.begin()
    other = oci_as(acme.developer)
    for method in ("GET", "PATCH", "DELETE"):
        answer = other.request(method, location, CONTENT)
        assert code_of(answer) == (404, "BLOB_UPLOAD_UNKNOWN")
    elsewhere = location.replace("acme/app", "acme/other")
    assert code_of(oci.request("PATCH", elsewhere, CONTENT)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert oci.request("GET", location).headers["Range"] == "0-0"
