from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.standalone import services
from app.standalone.errors import CannotStart
from app.standalone.secret_file import Secrets
from config.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MONGODB_URL = "mongodb://mongodb.example:27017/?replicaSet=rs0"
REDIS_URL = "redis://redis.example:6379/0"
OWN_SECRET = "own-jwt-secret"  # noqa: S105  told apart from a made one
SECRETS = Secrets(
    jwt_secret="made-jwt-secret",  # noqa: S106  as above
    auth_encryption_key="ab" * 32,
    s3_access_key="made-access-key",
    s3_secret_key="made-secret-key",  # noqa: S106
)


def settings(**given: object) -> Settings:
    nothing = {"mongodb_url": "", "redis_url": "", "s3_endpoint": "", "s3_host": ""}
    return load_settings(_env_file=None, **nothing | given)


def names(planned: services.Services) -> list[str]:
    return [part.name for part in planned.parts]


def test_what_the_settings_do_not_name_is_started(tmp_path: Path) -> None:
    planned = services.plan(settings(), SECRETS, tmp_path, wants_s3=False)
    assert names(planned) == ["mongodb", "redis"]
    assert planned.settings.mongodb_url == planned.env["MONGODB_URL"]
    assert planned.settings.redis_url == planned.env["REDIS_URL"]
    assert not planned.settings.uses_s3


def test_servers_that_the_settings_name_are_used(tmp_path: Path) -> None:
    given = settings(mongodb_url=MONGODB_URL, redis_url=REDIS_URL)
    planned = services.plan(given, SECRETS, tmp_path, wants_s3=False)
    assert names(planned) == []
    assert planned.settings.mongodb_url == MONGODB_URL
    assert "MONGODB_URL" not in planned.env


def test_the_operators_secrets_win_over_made_ones(tmp_path: Path) -> None:
    given = settings(jwt_secret=OWN_SECRET)
    planned = services.plan(given, SECRETS, tmp_path, wants_s3=False)
    assert planned.env["JWT_SECRET"] == OWN_SECRET
    assert planned.env["AUTH_ENCRYPTION_KEY"] == SECRETS.auth_encryption_key


def test_an_s3_server_is_started_where_it_is_wanted(tmp_path: Path) -> None:
    given = settings(mongodb_url=MONGODB_URL, redis_url=REDIS_URL, s3_bucket="artifacts")
    planned = services.plan(given, SECRETS, tmp_path, wants_s3=True)
    assert names(planned) == ["s3"]
    assert planned.settings.uses_s3
    assert planned.settings.s3_url == planned.env["S3_ENDPOINT"]
    assert planned.env["S3_SECRET_KEY"] == SECRETS.s3_secret_key


def test_an_s3_server_that_holds_artifacts_is_started_again_unasked(tmp_path: Path) -> None:
    services.plan(settings(), SECRETS, tmp_path, wants_s3=True)
    assert "s3" in names(services.plan(settings(), SECRETS, tmp_path, wants_s3=False))


def test_artifacts_in_files_are_not_left_behind_for_an_s3_server(tmp_path: Path) -> None:
    (tmp_path / "packages/npm").mkdir(parents=True)
    with pytest.raises(CannotStart, match="would not be found in an S3 server"):
        services.plan(settings(), SECRETS, tmp_path, wants_s3=True)


def test_an_s3_server_and_the_filesystem_store_contradict_each_other(tmp_path: Path) -> None:
    given = settings(storage_backend="filesystem")
    with pytest.raises(CannotStart, match="STORAGE_BACKEND=filesystem"):
        services.plan(given, SECRETS, tmp_path, wants_s3=True)
