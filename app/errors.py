"""The one exception hierarchy: what was refused, and what a person can do about it.

Every error that a client may see is a :class:`RegistryError`. A protocol's
``errors.py`` turns it into that client's own body; the status and the stable
``code`` are the same for all of them.
"""

from __future__ import annotations

from typing import ClassVar


class RegistryError(Exception):
    """Something was refused, and the client is told why.

    Attributes:
        status: the HTTP status.
        code: stable, snake_case, never renamed; the management API documents it.
        message: what was refused and what to do, in one or two plain sentences.
        retry_after_seconds: sent as ``Retry-After`` where it is set.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class InvalidInput(RegistryError):
    """The request itself is wrong; sending it again will not help."""

    status = 400
    code = "invalid_input"


class UnprocessableInput(InvalidInput):
    """Well-formed, but some fields are not acceptable (management API).

    Attributes:
        fields: JSON pointer of each offending field, with what is wrong with it.
    """

    status = 422
    code = "validation_failed"

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class Unauthenticated(RegistryError):
    """Nobody is signed in, or the credentials are wrong.

    Attributes:
        wrong_credentials: some were sent, and they were not accepted.
    """

    status = 401
    code = "unauthenticated"

    def __init__(
        self,
        message: str = "You must sign in to do this.",
        *,
        wrong_credentials: bool = False,
    ) -> None:
        super().__init__(message)
        self.wrong_credentials = wrong_credentials


class Forbidden(RegistryError):
    """The caller is known, and may not do this."""

    status = 403
    code = "forbidden"


class NameRefused(Forbidden):
    """A package name is someone else's, reserved, or too similar to another."""

    code = "name_refused"


class NameTooSimilar(NameRefused):
    """A package name is too similar to another: one could be taken for the other."""

    code = "name_too_similar"


class NotFound(RegistryError):
    """It is not there, or the caller may not know that it is."""

    status = 404
    code = "not_found"

    def __init__(self, message: str = "Not found") -> None:
        super().__init__(message)


class MethodNotAllowed(RegistryError):
    """The resource exists, but not with this method."""

    status = 405
    code = "method_not_allowed"


class Gone(RegistryError):
    """It was there once, in other registries, and is not any more."""

    status = 410
    code = "gone"


class Conflict(RegistryError):
    """The state of the resource forbids it now."""

    status = 409
    code = "conflict"


class VersionExists(Conflict):
    """The version is taken: versions are immutable.

    Attributes:
        name: the package.
        number: the version, as its publisher spells it.
        is_withdrawn: it was published once and deleted; its number is never used again.
        is_identical: it has the very bytes that were sent.
    """

    code = "version_exists"

    def __init__(
        self, name: str, number: str, *, is_withdrawn: bool = False, is_identical: bool = False
    ) -> None:
        was = "was published before and cannot be reused" if is_withdrawn else "already exists"
        super().__init__(f"Version {number} of {name} {was}. Publish a new version number.")
        self.name = name
        self.number = number
        self.is_withdrawn = is_withdrawn
        self.is_identical = is_identical


class FileExists(Conflict):
    """The version has such a file: files are immutable.

    Attributes:
        filename: of the one that is there.
        is_identical: it has the very bytes that were sent.
    """

    code = "file_exists"

    def __init__(self, filename: str, *, is_identical: bool = False) -> None:
        super().__init__(f"The file {filename} already exists. Publish a new version number.")
        self.filename = filename
        self.is_identical = is_identical


class PublishInProgress(Conflict):
    """Another publish of the same version is being written right now."""

    code = "publish_in_progress"

    def __init__(self, name: str, number: str) -> None:
        super().__init__(
            f"Another publish of {name} {number} is under way. Try again in a minute.",
            retry_after_seconds=60,
        )


class StaleRevision(Conflict):
    """The change was made against an older state of the resource."""

    code = "stale_revision"


class PreconditionFailed(RegistryError):
    """``If-Match`` names an older state of the resource."""

    status = 412
    code = "precondition_failed"

    def __init__(
        self, message: str = "The resource has changed since you read it. Read it again."
    ) -> None:
        super().__init__(message)


class DigestMismatch(InvalidInput):
    """The bytes are not the ones that were announced."""

    code = "digest_mismatch"


class TooLarge(RegistryError):
    """A body or a file is over its limit."""

    status = 413
    code = "too_large"

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what} is larger than the limit of {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class RangeNotSatisfiable(RegistryError):
    """The range lies outside the artifact.

    Attributes:
        size_bytes: the artifact's whole length.
    """

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The range is outside the {size_bytes} bytes of this file.")
        self.size_bytes = size_bytes


class UnsupportedMediaType(RegistryError):
    """The body is in a form that this route does not read."""

    status = 415
    code = "unsupported_media_type"


class TooManyRequests(RegistryError):
    """A limit on attempts was reached."""

    status = 429
    code = "too_many_requests"


class QuotaExceeded(Forbidden):
    """The repository or organization is full."""

    code = "quota_exceeded"


class ReadOnly(RegistryError):
    """Writes are turned off."""

    status = 405
    code = "read_only"


class Unavailable(RegistryError):
    """A service that this needs does not answer; trying again later will help."""

    status = 503
    code = "unavailable"

    def __init__(
        self,
        message: str = "The registry cannot answer this right now. Try again in a few seconds.",
        *,
        retry_after_seconds: int = 5,
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)


class UpstreamUnavailable(RegistryError):
    """The public registry behind a proxy does not answer."""

    status = 502
    code = "upstream_unavailable"
