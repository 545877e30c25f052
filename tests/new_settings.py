"""Settings of a registry that nobody shares: for one test, or for one live server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from config.settings import Environment, StorageBackend, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from app.standalone.servers import S3Server
    from config.settings import Settings


def new_settings(mongodb_url: str, redis_url: str, data_dir: Path, **changes: object) -> Settings:
    """Make settings with a database, a key prefix and a data folder of their own."""
    unique = secrets.token_hex(6)
    return load_settings(
        _env_file=None,
        **{
            "environment": Environment.DEVELOPMENT,
            "mongodb_url": mongodb_url,
            "mongodb_db": f"test_{unique}",
            "redis_url": redis_url,
            "redis_prefix": f"test:{unique}:",
            "s3_endpoint": "",
            "s3_host": "",
            "storage_backend": StorageBackend.FILESYSTEM,
            "data_dir": data_dir,
            "public_url": "",
            "jwt_secret": secrets.token_hex(32),
            "auth_encryption_key": secrets.token_hex(32),
            "password_iterations": 1000,
            "rate_limit_management": 0,
            **changes,
        },
    )


def on_s3(settings: Settings, server: S3Server) -> Settings:
    """Move the artifacts to a path of their own in the S3 server's bucket.

    Not to a bucket of their own: each costs SeaweedFS seven volumes, and they are not endless.
    """
    return load_settings(
        _env_file=None,
        **settings.model_dump(exclude={"storage_backend", "storage_path"})
        | {
            "storage_backend": StorageBackend.S3,
            "storage_path": secrets.token_hex(6),
            "s3_endpoint": server.endpoint,
            "s3_access_key": server.access_key,
            "s3_secret_key": server.secret_key,
            "s3_bucket": server.bucket,
        },
    )
