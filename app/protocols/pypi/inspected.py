"""What a distribution turned out to be."""

from __future__ import annotations

from dataclasses import dataclass

from app.protocols.pypi.core_metadata import CoreMetadata


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What was found in a distribution.

    Attributes:
        served: the core metadata that are given beside the file, byte for byte; None where
            they may not hold for what is built from it.
    """

    metadata: CoreMetadata
    served: bytes | None
