"""Stores to test with, and what every test of a store does."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from config.settings import StorageBackend, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from app.standalone.servers import S3Server
    from app.storage.base import ObjectStore, Staged
    from config.settings import Settings

MIB = 1024 * 1024


def filesystem_settings(data_dir: Path) -> Settings:
    """Settings that keep objects in files."""
    return load_settings(
        _env_file=None, data_dir=data_dir, storage_backend=StorageBackend.FILESYSTEM
    )


def s3_settings(data_dir: Path, server: S3Server, **changes: object) -> Settings:
    """Settings that keep objects in a place of their own in the server's bucket."""
    return load_settings(
        _env_file=None,
        **{
            "data_dir": data_dir,
            "storage_backend": StorageBackend.S3,
            "storage_path": new_prefix(),
            "s3_endpoint": server.endpoint,
            "s3_access_key": server.access_key,
            "s3_secret_key": server.secret_key,
            "s3_bucket": server.bucket,
            "disk_cache_bytes": 0,
            **changes,
        },
    )


def new_prefix() -> str:
    """Return a place in a bucket that nothing else has."""
    return f"test-{secrets.token_hex(6)}"


def stage(store: ObjectStore, content: bytes) -> Staged:
    """Stage bytes, in pieces of no particular size."""
    with store.stage(limit_bytes=len(content)) as arriving:
        for start in range(0, len(content), 300_000):
            arriving.write(content[start : start + 300_000])
        return arriving.finish()


def put(store: ObjectStore, key: str, content: bytes) -> None:
    """Make bytes an object."""
    store.reveal(stage(store, content), key)


def read(store: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    """Read an object or a range of it."""
    with store.open(key, start, length) as reader:
        return b"".join(reader)


def keys(store: ObjectStore, prefix: str = "", after: str = "") -> list[str]:
    """Return the keys that a listing gives, in its order."""
    return [one.key for one in store.list(prefix, after)]
