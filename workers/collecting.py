"""Collect images' blobs that nothing needs any more."""

from __future__ import annotations

import structlog

from app.errors import Unavailable
from app.protocols.oci import collecting
from app.registry.store_owner import StoreNotOurs
from workers.task import task

log = structlog.get_logger(__name__)

_LIMIT_SECONDS = 600


@task("oci.collect", limit_seconds=_LIMIT_SECONDS, retry_on=(Unavailable,), retries=0, alone=True)
def collect() -> None:
    """Remove what is garbage; what is too much for one run is left to the next."""
    try:
        collecting.collect(seconds=_LIMIT_SECONDS / 2)
    except StoreNotOurs as error:
        log.error("oci.collection_refused", reason=str(error))  # noqa: TRY400  it says all
