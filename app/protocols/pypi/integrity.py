"""The digests that a form announces, and those that the file has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from app.errors import DigestMismatch, InvalidInput
from app.storage.base import Digests

_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_FIELDS = {
    "md5_digest": ("md5", 32),
    "sha256_digest": ("sha256", 64),
    "blake2_256_digest": ("blake2b_256", 64),
}
"""Of each field, the digest that it holds, and how many characters it has."""


@dataclass(frozen=True, kw_only=True)
class ExpectedDigests:
    """What was announced: hexadecimal digests, in lower case, by their names."""

    announced: Mapping[str, str]

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> Self:
        """Read them from a form.

        Raises:
            InvalidInput: there is none, or one is no digest.
        """
        announced = {}
        for name, (digest, length) in _FIELDS.items():
            value = fields.get(name, "").lower()
            if not value:
                continue
            if len(value) != length or _HEXADECIMAL.fullmatch(value) is None:
                raise InvalidInput(f"{name} is not a valid digest of {length} hexadecimal digits.")
            announced[digest] = value
        if not announced:
            raise InvalidInput(f"Send at least one digest of the file: {', '.join(_FIELDS)}.")
        return cls(announced=announced)

    def check(self, digests: Digests) -> None:
        """Compare all that were announced.

        Raises:
            DigestMismatch: one is another.
        """
        for name, value in self.announced.items():
            if getattr(digests, name) != value:
                raise DigestMismatch(
                    "The digest supplied does not match a digest calculated from the uploaded "
                    f"file ({name})."
                )
