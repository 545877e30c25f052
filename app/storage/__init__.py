"""Where artifacts live: the filesystem, or S3 with a cache on the local disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.storage.filesystem import FilesystemStore
from app.storage.staging import StagingArea
from config.settings import SettingsError

if TYPE_CHECKING:
    from app.storage.base import ObjectStore
    from config.settings import Settings

_STAGING = "staging"
_CACHE = "cache"


def create_store(settings: Settings) -> ObjectStore:
    """Return the store that the settings ask for. Connects to nothing yet.

    Raises:
        SettingsError: ``STORAGE_PATH`` is one of the directories that are ours.
    """
    if settings.storage_path.split("/")[0] in {_STAGING, _CACHE}:
        raise SettingsError(f"STORAGE_PATH: {_STAGING} and {_CACHE} are used by the registry.")
    data = settings.data_dir.absolute()
    staging = StagingArea(data / _STAGING)
    if not settings.uses_s3:
        return FilesystemStore(data / settings.storage_path, staging)
    # boto3 costs 40 MB of memory and half a second, which a filesystem need not pay.
    from app.storage.s3 import Connection  # noqa: PLC0415
    from app.storage.s3_store import S3Store  # noqa: PLC0415

    store = S3Store(Connection(settings), settings.storage_path, staging)
    if not settings.disk_cache_bytes:
        return store
    from app.storage.cached import CachedStore  # noqa: PLC0415
    from app.storage.disk_cache import DiskCache  # noqa: PLC0415

    cache = DiskCache(data / _CACHE, limit_bytes=settings.disk_cache_bytes)
    return CachedStore(store, cache)
