"""The S3 requests that the store makes, with the store's errors. All that knows boto3."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, TypedDict

import boto3.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from app.errors import Unavailable
from app.storage.base import (
    Multipart,
    ObjectExists,
    ObjectMissing,
    ObjectStat,
    Part,
    UploadMissing,
)

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client

    from config.settings import Settings

_CONFIG = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path", "payload_signing_enabled": False},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    connect_timeout=3,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=64,
    tcp_keepalive=True,
)


class Connection:
    """One bucket's client, made at its first use in each process.

    Connections do not survive a fork. The client may be used by any number of threads and
    greenlets of the process that made it.
    """

    def __init__(self, settings: Settings) -> None:
        self.bucket = settings.s3_bucket
        self._settings = settings
        self._made: tuple[int, S3Client] | None = None

    @property
    def client(self) -> S3Client:
        """This process's client."""
        if self._made is None or self._made[0] != os.getpid():
            self._made = (os.getpid(), self._make())
        return self._made[1]

    def _make(self) -> S3Client:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self._settings.s3_url,
            region_name=self._settings.s3_region,
            aws_access_key_id=self._settings.s3_access_key.get_secret_value(),
            aws_secret_access_key=self._settings.s3_secret_key.get_secret_value(),
            config=_CONFIG,
        )

    def has_bucket(self) -> bool:
        """Ask whether the bucket is there."""
        try:
            with _failures(self.bucket):
                self.client.head_bucket(Bucket=self.bucket)
        except ObjectMissing:
            return False
        return True

    def make_bucket(self) -> None:
        """Make the bucket.

        Raises:
            Unavailable: the message says why not.
        """
        region = self._settings.s3_region
        try:
            if region == "us-east-1":  # The default, which AWS refuses to hear.
                self.client.create_bucket(Bucket=self.bucket)
            else:
                self.client.create_bucket(
                    Bucket=self.bucket,
                    CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]  # any server's region
                )
        except (ClientError, BotoCoreError, HTTPError) as error:
            if isinstance(error, ClientError) and _code(error) == "BucketAlreadyOwnedByYou":
                return
            raise Unavailable(
                f"S3_BUCKET: there is no bucket {self.bucket!r}, and it cannot be made: {error}"
            ) from error


@dataclass(frozen=True, kw_only=True)
class Head:
    """An object's headers.

    Attributes:
        age: since it was written, by the server's own clock.
        metadata: what its upload gave; keys in lower case.
    """

    size_bytes: int
    modified_at: datetime
    age: timedelta
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An object's bytes on their way; ``size_bytes`` is the whole object's."""

    body: Body
    length: int
    size_bytes: int
    metadata: Mapping[str, str]


class Body:
    """A response's body that says what its errors mean."""

    def __init__(self, stream: StreamingBody) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Read up to so many bytes; none at the end.

        Raises:
            Unavailable: the connection broke.
        """
        with _failures():
            return self._stream.read(size)

    def close(self) -> None:
        """Give the connection back, or drop it where bytes are left."""
        self._stream.close()


class _Address(TypedDict):
    Bucket: str
    Key: str


class Prefix:
    """The objects whose keys begin with a prefix; keys are given and returned without it."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    def head(self, key: str) -> Head:
        """Ask for an object's headers.

        Raises:
            ObjectMissing: there is none. A bucket that is gone says nothing about that.
        """
        try:
            with _failures(key):
                answer = self._client.head_object(**self._at(key))
        except ObjectMissing as error:
            if self._connection.has_bucket():
                raise
            raise Unavailable from error
        answered_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return Head(
            size_bytes=answer["ContentLength"],
            modified_at=answer["LastModified"],
            age=answered_at - answer["LastModified"],
            metadata=answer["Metadata"],
        )

    def get(self, key: str, start: int, length: int | None) -> Answer | None:
        """Ask for an object from ``start``; none where the range holds no byte.

        Raises:
            ObjectMissing: there is none.
        """
        if length == 0:
            return None
        last = "" if length is None else str(start + length - 1)
        with _failures(key):
            if not start and length is None:
                answer = self._client.get_object(**self._at(key))
            else:
                try:
                    answer = self._client.get_object(**self._at(key), Range=f"bytes={start}-{last}")
                except ClientError as error:
                    if _code(error) == "InvalidRange":
                        return None
                    raise
        _, _, size_bytes = answer.get("ContentRange", "").partition("/")
        return Answer(
            body=Body(answer["Body"]),
            length=answer["ContentLength"],
            size_bytes=int(size_bytes or answer["ContentLength"]),
            metadata=answer["Metadata"],
        )

    def put_new(self, key: str, body: BinaryIO | bytes, metadata: Mapping[str, str]) -> None:
        """Upload an object in one request.

        Raises:
            ObjectExists: the key is taken, perhaps by an earlier try of this request.
        """
        with _failures(key):
            self._client.put_object(**self._at(key), Body=body, Metadata=metadata, IfNoneMatch="*")

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""
        with _failures():
            self._client.delete_object(**self._at(key))

    def list(self, prefix: str, after: str) -> Iterator[ObjectStat]:
        """Give the objects whose keys start with ``prefix`` and come after ``after``."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._connection.bucket,
            Prefix=self._prefix + prefix,
            StartAfter=self._prefix + after,
        )
        with _failures():
            for page in pages:
                for one in page.get("Contents", []):
                    yield ObjectStat(
                        key=one["Key"].removeprefix(self._prefix),
                        size_bytes=one["Size"],
                        modified_at=one["LastModified"],
                    )

    def presign(self, key: str, seconds: int, disposition: str | None) -> str:
        """Sign a URL that reads an object."""
        parameters = {"Bucket": self._connection.bucket, "Key": self._prefix + key}
        if disposition is not None:
            parameters["ResponseContentDisposition"] = disposition
        return self._client.generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=seconds
        )

    def begin(self, key: str, metadata: Mapping[str, str]) -> str:
        """Begin an upload in parts; returns its id."""
        with _failures():
            answer = self._client.create_multipart_upload(**self._at(key), Metadata=metadata)
        return answer["UploadId"]

    def put_part(self, upload: Multipart, number: int, body: BinaryIO | bytes) -> str:
        """Upload a part; returns its etag.

        Raises:
            UploadMissing: the upload is over.
        """
        with _failures(upload.key, upload):
            answer = self._client.upload_part(
                **self._at(upload.key), UploadId=upload.upload_id, PartNumber=number, Body=body
            )
        return answer["ETag"]

    def complete_new(self, upload: Multipart, parts: Sequence[Part]) -> None:
        """Make parts an object.

        Raises:
            ObjectExists, UploadMissing: as S3 says; perhaps because of an earlier try.
            ValueError: a part is not the one that was uploaded, or not acceptable.
        """
        with _failures(upload.key, upload):
            self._client.complete_multipart_upload(
                **self._at(upload.key),
                UploadId=upload.upload_id,
                MultipartUpload={
                    "Parts": [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
                },
                IfNoneMatch="*",
            )

    def abort(self, upload: Multipart) -> None:
        """Forget an upload's parts.

        Raises:
            UploadMissing: the upload is over.
        """
        with _failures(upload.key, upload):
            self._client.abort_multipart_upload(**self._at(upload.key), UploadId=upload.upload_id)

    def uploads(self) -> Iterator[tuple[Multipart, datetime]]:
        """Give the uploads in parts that are not over, with the time when each was begun."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._connection.bucket, Prefix=self._prefix
        )
        with _failures():
            for page in pages:
                for one in page.get("Uploads", []):
                    key = one["Key"].removeprefix(self._prefix)
                    yield Multipart(upload_id=one["UploadId"], key=key), one["Initiated"]

    @property
    def _client(self) -> S3Client:
        return self._connection.client

    def _at(self, key: str) -> _Address:
        return {"Bucket": self._connection.bucket, "Key": self._prefix + key}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _failures(key: str = "", upload: Multipart | None = None) -> Iterator[None]:
    """Say what S3's errors mean; what is not known for certain is ``Unavailable``."""
    try:
        yield
    except ClientError as error:
        raise _meaning(error, key, upload) from error
    except (BotoCoreError, HTTPError) as error:
        raise Unavailable from error


def _meaning(error: ClientError, key: str, upload: Multipart | None) -> Exception:
    match _code(error):
        case "NoSuchKey" | "NotFound" | "404" if key:
            return ObjectMissing(key)
        # 409 is AWS's answer while another conditional write of the key is under way.
        case "PreconditionFailed" | "ConditionalRequestConflict" if key:
            return ObjectExists(key)
        case "NoSuchUpload" if upload:
            return UploadMissing(upload)
        case "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" if upload:
            return ValueError(str(error))
    return Unavailable()
