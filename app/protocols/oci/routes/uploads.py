"""Uploads of blobs: in one request, in two, or in as many as the client likes.

Spec: OCI distribution 1.1, "Pushing blobs", "Mounting a blob from another repository".
"""

from __future__ import annotations

import re

from flask import Response, request

from app.auth.current import current_principal
from app.errors import RegistryError, Unavailable
from app.protocols.oci import blobs, finishing, names, placement, uploads
from app.protocols.oci.answers import empty, range_header
from app.protocols.oci.names import Digest, ImageName
from app.protocols.oci.refusals import DigestInvalid, SizeInvalid, UploadInvalid, UploadUnknown
from app.protocols.oci.routes import blueprint
from app.protocols.oci.uploads import Chunk, Upload
from app.registry.bodies import Body

LARGEST_BLOB_BYTES = 10 * 1024**3
"""Of a repository whose settings say nothing else."""

_CONTENT_RANGE = re.compile(r"(?:bytes )?([0-9]{1,18})-([0-9]{1,18})(?:/(?:[0-9]+|\*))?")
_ALGORITHMS = frozenset({"sha256", "sha512"})


@blueprint.post("/<oci_name:raw_name>/blobs/uploads/")
def post_upload(raw_name: str) -> Response:
    """Begin an upload; take a whole blob at once; or link one that is there already."""
    name = names.parse_new_name(raw_name)
    mounted, digest = _asked_digest("mount"), _asked_digest("digest")
    algorithm = request.args.get("digest-algorithm", "sha256")
    if algorithm not in _ALGORITHMS:
        raise DigestInvalid(f"The digest algorithm {algorithm} is not supported.")
    principal = current_principal()
    package = placement.ensure_package(principal, placement.require_push(principal, name))
    if mounted is not None and blobs.mount(
        principal, name, package, mounted, request.args.get("from")
    ):
        return _made(name, mounted)
    # Some clients say the digest already when they begin, and send the bytes later.
    if digest is None or _is_bodyless():
        upload = uploads.begin(principal, name, package, wants_sha512=algorithm == "sha512")
        return _status(202, upload)
    upload = uploads.begin(principal, name, package, finishing=digest)
    try:
        finishing.finish(principal, upload, digest, _body(upload), None)
    except Unavailable:
        raise  # The blob may be there: the upload is left to the collector.
    except RegistryError:
        uploads.cancel(upload)  # Its client was never told of it.
        raise
    return _made(name, digest)


@blueprint.patch("/<oci_name:raw_name>/blobs/uploads/<upload_id>")
def patch_upload(raw_name: str, upload_id: str) -> Response:
    """Append to an upload: a chunk with its range, or a stream without."""
    name = names.parse_new_name(raw_name)
    chunk = _chunk()
    upload = _found(name, upload_id)
    return _status(202, uploads.append(upload, _body(upload), chunk))


@blueprint.get("/<oci_name:raw_name>/blobs/uploads/<upload_id>")
def get_upload(raw_name: str, upload_id: str) -> Response:
    """Say how far an upload has come."""
    upload = _found(names.parse_new_name(raw_name), upload_id)
    return _status(204, upload)


@blueprint.put("/<oci_name:raw_name>/blobs/uploads/<upload_id>")
def put_upload(raw_name: str, upload_id: str) -> Response:
    """Finish an upload, perhaps with its last bytes, or all of them.

    An answer that was lost is given again: the blob is there then, and the upload is not.
    """
    name = names.parse_new_name(raw_name)
    digest = _asked_digest("digest")
    if digest is None:
        raise DigestInvalid("Say which digest the blob has: ?digest=sha256:…")
    chunk = _chunk()
    principal = current_principal()
    package = placement.require_push(principal, name).package
    if package is None:
        raise UploadUnknown
    try:
        upload = uploads.take(principal, name, package, upload_id, digest)
    except UploadUnknown:
        if not blobs.is_linked(package, digest):
            raise
    else:
        with finishing.open_again_if_refused(upload):
            finishing.finish(principal, upload, digest, _body(upload), chunk)
    return _made(name, digest)


@blueprint.delete("/<oci_name:raw_name>/blobs/uploads/<upload_id>")
def delete_upload(raw_name: str, upload_id: str) -> Response:
    """Give an upload up."""
    upload = _found(names.parse_new_name(raw_name), upload_id)
    uploads.cancel(upload)
    return empty(204)


def _found(name: ImageName, upload_id: str) -> Upload:
    principal = current_principal()
    package = placement.require_push(principal, name).package
    if package is None:
        raise UploadUnknown
    return uploads.find(principal, name, package, upload_id)


def _asked_digest(parameter: str) -> Digest | None:
    raw = request.args.get(parameter)
    return None if raw is None else names.parse_digest(raw)


def _is_bodyless() -> bool:
    return request.content_length in {None, 0} and "Transfer-Encoding" not in request.headers


def _chunk() -> Chunk | None:
    """Read ``Content-Range``, in OCI's form or HTTP's.

    Raises:
        UploadInvalid: it is neither, or ends before it begins.
        SizeInvalid: the announced length is another one.
    """
    raw = request.headers.get("Content-Range")
    if raw is None:
        return None
    match = _CONTENT_RANGE.fullmatch(raw.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise UploadInvalid("Content-Range has to be <first byte>-<last byte>.")
    length = int(match[2]) - int(match[1]) + 1
    if request.content_length not in {None, length}:
        raise SizeInvalid(
            f"Content-Length is {request.content_length}, and Content-Range has {length} bytes."
        )
    return Chunk(start=int(match[1]), length=length)


def _body(upload: Upload) -> Body:
    limit = upload.package.repository.max_file_bytes or LARGEST_BLOB_BYTES
    return Body(request, limit_bytes=max(0, limit - upload.size_bytes), what="The blob")


def _status(status: int, upload: Upload) -> Response:
    return empty(
        status,
        Location=upload.location,
        Range=range_header(upload.size_bytes),
        Docker_Upload_UUID=upload.id,
    )


def _made(name: ImageName, digest: Digest) -> Response:
    return empty(201, Location=f"/v2/{name}/blobs/{digest}", Docker_Content_Digest=str(digest))
