"""From an uploaded form to a file of a release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from packaging.version import Version

from app.auth.principal import Principal
from app.errors import FileExists, Gone, InvalidInput
from app.extensions import store
from app.models import Package
from app.models.rows import rows_of
from app.offload import off_hub
from app.protocols.pypi import attestations, filenames, identity, sdists, wheels
from app.protocols.pypi.filenames import DistributionFilename, FileType
from app.protocols.pypi.inspected import Inspected
from app.protocols.pypi.integrity import ExpectedDigests
from app.protocols.pypi.rendering import METADATA_SUFFIX, PROVENANCE_SUFFIX
from app.registry import publishing, resolution, showing
from app.registry.resolution import PublishTarget
from app.registry.scopes import Scope
from app.registry.upload_forms import FormShape, UploadForm
from app.registry.uploads import Upload, UploadedFile
from app.storage.base import Staged

_LONGEST_SUMMARY = 1000
_LONGEST_KEYWORD = 100
_MOST_KEYWORDS = 100
_MEDIA_TYPES = {
    METADATA_SUFFIX: "application/octet-stream",
    PROVENANCE_SUFFIX: attestations.MEDIA_TYPE,
}
_OLD_ACTIONS = frozenset({"submit", "submit_pkg_info", "doc_upload"})
FORM = FormShape(
    file="content",
    fields=frozenset(
        {
            ":action",
            "protocol_version",
            "name",
            "version",
            "filetype",
            "pyversion",
            "md5_digest",
            "sha256_digest",
            "blake2_256_digest",
            "attestations",
        }
    ),
)
"""What a client says of the metadata is not looked at: the archive knows better."""


def publish(principal: Principal, scope: Scope, form: UploadForm) -> None:
    """Add an uploaded file to its release, unless the very same is there.

    Args:
        principal: who uploads it.
        scope: where it came in.
        form: its file is consumed.

    Raises:
        InvalidInput: the form, the file's name or the archive is not as it has to be.
        Forbidden: the principal may not, or the project takes no more files.
        FileExists: the release has such a file, with other bytes.
        VersionExists: the release was deleted.
    """
    try:
        _publish(principal, scope, form)
    except FileExists as error:
        if not error.is_identical:
            raise
    finally:
        form.content.discard()


def _publish(principal: Principal, scope: Scope, form: UploadForm) -> None:
    name = identity.shared_name(form.fields.get("name", ""))
    version = filenames.parse_version(form.fields.get("version", ""))
    filename = filenames.parse_filename(form.filename)
    _require_agreement(form, filename, name.normal, version)
    ExpectedDigests.parse(form.fields).check(form.content.digests)
    target = resolution.for_publish(principal, scope, name)
    _require_open(target)
    inspected = _inspect(form.content, filename)
    inspected.metadata.require_same(name.normal, version)
    provenance = form.fields.get("attestations")
    beside = [] if inspected.served is None else [(METADATA_SUFFIX, inspected.served)]
    if provenance is not None:
        beside.append((PROVENANCE_SUFFIX, attestations.read_provenance(provenance)))
    with _staged(beside) as staged:
        publishing.publish(principal, target, _upload(target, form, filename, inspected, staged))


def require_action(fields: Mapping[str, str]) -> None:
    """Make sure that a form is one with which a file is uploaded.

    Raises:
        InvalidInput: it says nothing that is known.
        Gone: it is for something that PyPI once did, without a file.
    """
    action = fields.get(":action", "")
    if action in _OLD_ACTIONS:
        raise Gone(f"{action} is not supported any more. Upload files, with 'file_upload'.")
    if action != "file_upload":
        raise InvalidInput("':action' must be 'file_upload'.")
    if fields.get("protocol_version", "1") != "1":
        raise InvalidInput("'protocol_version' must be 1.")


def _require_agreement(
    form: UploadForm, filename: DistributionFilename, project: str, version: Version
) -> None:
    """Make sure that the file's name says what the form says."""
    if form.fields.get("filetype") != filename.kind:
        raise InvalidInput(
            f"Invalid value for filetype: {form.filename!r} is of the type {filename.kind}."
        )
    if filename.project != project:
        raise InvalidInput(
            f"The file name says that it is of the project {filename.project}, the form {project}."
        )
    if filename.version != version:
        raise InvalidInput(
            f"The file name says that it is version {filename.version}, the form {version}."
        )


def _require_open(target: PublishTarget) -> None:
    """Refuse early what ``showing`` would refuse: before the archive is read."""
    if target.package is not None:
        row = rows_of(Package).find_one(
            {"_id": target.package.id},
            {"status": 1, "status_reason": 1, "display_name": 1, "deleted_at": 1},
        )
        showing.require_open(row or {})


def _inspect(content: Staged, filename: DistributionFilename) -> Inspected:
    with content.open() as file:
        if filename.kind is FileType.BDIST_WHEEL:
            return off_hub(wheels.read_wheel, file, filename)
        return off_hub(sdists.read_sdist, file, filename)


@contextmanager
def _staged(beside: Sequence[tuple[str, bytes]]) -> Iterator[list[tuple[str, Staged]]]:
    """Stage what goes with a file, as files of their own; by suffix."""
    staged: list[tuple[str, Staged]] = []
    try:
        for suffix, body in beside:
            stage = store.stage(limit_bytes=len(body))
            stage.write(body)
            staged.append((suffix, stage.finish()))
        yield staged
    finally:
        for _suffix, one in staged:
            one.discard()


def _upload(
    target: PublishTarget,
    form: UploadForm,
    filename: DistributionFilename,
    inspected: Inspected,
    beside: Sequence[tuple[str, Staged]],
) -> Upload:
    metadata = inspected.metadata
    file = UploadedFile(
        filename=filename.filename,
        staged=form.content,
        facts={
            "package_type": filename.kind,
            "python_tag": filename.python_tag,
            "requires_python": metadata.requires_python,
        },
    )
    derived = (
        UploadedFile(
            filename=filename.filename + suffix,
            staged=staged,
            media_type=_MEDIA_TYPES[suffix],
            derived_from=filename.filename,
        )
        for suffix, staged in beside
    )
    return Upload(
        name=target.name,
        number=filenames.number_of(filename.version),
        display_number=str(filename.version),
        slot=filename.slot,
        files=(file, *derived),
        manifest=metadata.to_json(),
        readme=metadata.description,
        summary=metadata.summary[:_LONGEST_SUMMARY],
        keywords=tuple(one for one in metadata.keywords if len(one) <= _LONGEST_KEYWORD)[
            :_MOST_KEYWORDS
        ],
    )
