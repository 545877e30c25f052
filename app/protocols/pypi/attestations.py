"""Attestations that come with an upload: kept and given, never vouched for.

Spec: PEP 740, "Attestation objects" and "Provenance objects".
"""

from __future__ import annotations

import binascii
from typing import Any

import orjson
import pybase64

from app.errors import InvalidInput

MEDIA_TYPE = "application/vnd.pypi.integrity.v1+json"

_UNVERIFIED = {
    "kind": "Unverified",
    "note": "Packhouse keeps what came with the upload and has not verified it.",
}


def read_provenance(text: str) -> bytes:
    """Turn the form's attestations into the provenance object that is served.

    Args:
        text: a JSON array of attestation objects.

    Raises:
        InvalidInput: it is none, or two are of one predicate type.
    """
    try:
        attestations = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _invalid("they are no JSON") from error
    if not isinstance(attestations, list) or not attestations:
        raise _invalid("send a JSON array of at least one")
    kinds = [_predicate_type(one) for one in attestations]
    if len(set(kinds)) != len(kinds):
        raise _invalid("there are two of one predicate type")
    bundle = {"publisher": _UNVERIFIED, "attestations": attestations}
    return orjson.dumps({"version": 1, "attestation_bundles": [bundle]})


def _predicate_type(attestation: Any) -> str:  # noqa: ANN401  whatever JSON was sent
    try:
        if attestation["version"] != 1:
            raise _invalid("only version 1 is known")
        if not isinstance(attestation["verification_material"], dict):
            raise _invalid("one has no verification material")
        envelope = attestation["envelope"]
        pybase64.b64decode(envelope["signature"], validate=True)
        statement = orjson.loads(pybase64.b64decode(envelope["statement"], validate=True))
        kind = statement["predicateType"]
    except (
        KeyError,
        TypeError,
        ValueError,  # also of JSON, and of what is no ASCII
        binascii.Error,
    ) as error:
        raise _invalid("one is no attestation object") from error
    if not isinstance(kind, str):
        raise _invalid("a predicate type is no text")
    return kind


def _invalid(why: str) -> InvalidInput:
    return InvalidInput(f"Invalid attestations supplied during upload: {why}.")
