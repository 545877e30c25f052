"""From a pushed gem to a version of the registry."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from app.auth.principal import Principal
from app.errors import InvalidInput, TooLarge, UnprocessableInput, VersionExists
from app.offload import off_hub
from app.protocols.rubygems import compact_index, finding, identity
from app.protocols.rubygems.format import number_of
from app.protocols.rubygems.gem_archive import read_gem
from app.protocols.rubygems.gem_versions import canonical
from app.protocols.rubygems.gemspec import GemSpecification
from app.registry import publishing, resolution
from app.registry.resolution import PublishTarget
from app.registry.scopes import Scope
from app.registry.uploads import Upload, UploadedFile
from app.storage.base import Staged

_LONGEST_SUMMARY = 1000
_LARGEST_ATTESTATIONS = 1024**2


def push(principal: Principal, scope: Scope, gem: Staged, attestations: str | None) -> str:
    """Publish a gem, unless the very same is there; returns what to tell its publisher.

    Args:
        principal: who pushes it.
        scope: where it came in.
        gem: is consumed.
        attestations: the JSON text that came with it; kept, not verified.

    Raises:
        UnprocessableInput: it is no gem, or one that could do harm.
        TooLarge: the attestations are.
        Forbidden: the principal may not, or the name is another's.
        VersionExists: the version is there with other bytes, or was yanked.
        Conflict: its file would have the name of another gem's.
    """
    try:
        if attestations is not None:
            _require_attestations(attestations)
        spec = _inspect(gem)
        shown = f"{spec.name} ({number_of(spec.version, spec.platform)})"
        target = resolution.for_publish(principal, scope, identity.shared_name(spec.name))
        finding.require_own_filename(spec.name, spec.filename)
        try:
            publishing.publish(principal, target, _upload(target, spec, gem, attestations))
        except VersionExists as error:
            if not error.is_identical:
                raise
            return f"Gem was already pushed: {shown}"
        return f"Successfully registered gem: {shown}"
    finally:
        gem.discard()


def _inspect(gem: Staged) -> GemSpecification:
    try:
        with gem.open() as file:
            return off_hub(read_gem, file)
    except InvalidInput as error:
        raise UnprocessableInput(error.message) from error


def _require_attestations(text: str) -> None:
    if len(text.encode()) > _LARGEST_ATTESTATIONS:
        raise TooLarge("The form's field 'attestations'", _LARGEST_ATTESTATIONS)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise UnprocessableInput("The attestations are no JSON.") from error
    if not isinstance(found, list):
        raise UnprocessableInput("The attestations are no JSON array.")


def _upload(
    target: PublishTarget, spec: GemSpecification, gem: Staged, attestations: str | None
) -> Upload:
    facts = {
        "info_line": compact_index.info_line(
            spec, gem.digests.sha256, datetime.now(UTC).replace(microsecond=0)
        )
    }
    if attestations is not None:
        facts["provenance"] = attestations
    return Upload(
        name=target.name,
        number=number_of(canonical(spec.version), spec.platform),
        display_number=number_of(spec.version, spec.platform),
        files=(UploadedFile(filename=spec.filename, staged=gem),),
        manifest=spec.to_json(),
        readme=spec.description,
        summary=spec.summary[:_LONGEST_SUMMARY],
        facts=facts,
    )
