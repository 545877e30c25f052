"""The servers that Packhouse needs: those of the settings, or its own where they name none."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app.standalone.errors import CannotStart
from app.standalone.secret_file import write_privately
from app.standalone.servers import MongoServer, RedisServer, S3Server
from config.settings import SettingsError, StorageBackend, load_settings

if TYPE_CHECKING:
    from app.standalone.process import Part
    from app.standalone.secret_file import Secrets
    from config.settings import Settings

_ENVIRONMENT_FILE = "environment.json"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Services:
    """Which servers to start, and the settings with which everything else then runs.

    ``env`` makes a program read just these settings, and find our modules from anywhere.
    """

    parts: list[Part]
    settings: Settings
    env: dict[str, str]


def plan(settings: Settings, secrets: Secrets, data_directory: Path, *, wants_s3: bool) -> Services:
    """Decide what to start.

    An S3 server that was started once is started again: artifacts lie there.

    Raises:
        CannotStart: a program is missing, or the settings contradict ``wants_s3``.
    """
    logs = data_directory / "logs"
    parts: list[Part] = []
    changes: dict[str, str | SecretStr] = {
        "jwt_secret": settings.jwt_secret or SecretStr(secrets.jwt_secret),
        "auth_encryption_key": settings.auth_encryption_key
        or SecretStr(secrets.auth_encryption_key),
    }
    if not settings.mongodb_url:
        mongodb = MongoServer(data_directory / "mongodb", logs / "mongodb.log")
        parts.append(mongodb.part())
        changes["mongodb_url"] = mongodb.url
    if not settings.redis_url:
        redis = RedisServer(data_directory / "redis", logs / "redis.log")
        parts.append(redis.part())
        changes["redis_url"] = redis.url
    if s3 := _s3_server(settings, secrets, data_directory, wants_s3=wants_s3):
        parts.append(s3.part())
        changes["s3_endpoint"] = s3.endpoint
        changes["s3_access_key"] = SecretStr(s3.access_key)
        changes["s3_secret_key"] = SecretStr(s3.secret_key)
    return Services(
        parts=parts,
        settings=settings.model_copy(update={**changes, "data_dir": data_directory}),
        env={
            "DATA_DIR": str(data_directory),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.getenv("PYTHONPATH")])),
            **{name.upper(): _plain(value) for name, value in changes.items()},
        },
    )


def remember(services: Services, data_directory: Path) -> None:
    """Let other commands find the servers of this run: see :func:`completed`."""
    kept = {name: value for name, value in services.env.items() if name != "PYTHONPATH"}
    write_privately(data_directory / _ENVIRONMENT_FILE, json.dumps(kept, indent=2))


def completed(settings: Settings) -> Settings:
    """Return the settings of what ``packhouse up`` runs, or last ran, in this data folder.

    Where it never ran, or the settings name a database, they stay as they are.

    Raises:
        SettingsError: what was remembered is damaged.
    """
    file = settings.data_dir.absolute() / _ENVIRONMENT_FILE
    if settings.mongodb_url or not file.exists():
        return settings
    try:
        remembered: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{file} cannot be read ({error}). `packhouse up` writes it anew."
        ) from error
    return load_settings(**{name.lower(): value for name, value in remembered.items()})


def _s3_server(
    settings: Settings, secrets: Secrets, data_directory: Path, *, wants_s3: bool
) -> S3Server | None:
    """Return the S3 server to start, where one is wanted or was started before."""
    directory = data_directory / "s3"
    is_new = not (directory / "data").exists()
    if settings.s3_url or (is_new and not wants_s3):
        return None
    _require_s3_is_possible(settings, data_directory, is_new=is_new)
    return S3Server(
        directory,
        data_directory / "logs/s3.log",
        access_key=settings.s3_access_key.get_secret_value() or secrets.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value() or secrets.s3_secret_key,
        bucket=settings.s3_bucket,
    )


def _require_s3_is_possible(settings: Settings, data_directory: Path, *, is_new: bool) -> None:
    if settings.storage_backend is StorageBackend.FILESYSTEM:
        raise CannotStart(
            "STORAGE_BACKEND=filesystem and an S3 server of its own contradict each other. "
            "Remove STORAGE_BACKEND to use the S3 server."
        )
    artifacts = data_directory / settings.storage_path
    if is_new and artifacts.is_dir() and any(artifacts.iterdir()):
        raise CannotStart(
            f"--s3: the artifacts of this data folder are files in {artifacts}, and would not be "
            "found in an S3 server. Start without --s3, or set DATA_DIR to a new folder."
        )


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
