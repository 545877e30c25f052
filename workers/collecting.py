"""Collect images' blobs that nothing needs any more."""

from __future__ import annotations

from app.errors import Unavailable
from app.protocols.oci import collecting
from workers.task import task

_LIMIT_SECONDS = 600


@task("oci.collect", limit_seconds=_LIMIT_SECONDS, retry_on=(Unavailable,), retries=0, alone=True)
def collect() -> None:
    """Remove what is garbage; what is too much for one run is left to the next."""
    collecting.collect(seconds=_LIMIT_SECONDS / 2)
