"""What the doctor says of installations in each of which one thing is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from redis import Redis

from app.doctor.checks import CHECKS
from app.doctor.diagnosis import Finding, Health, examine
from app.doctor.patient import Patient
from app.heartbeat import HEARTBEAT_KEY
from app.standalone.process import running
from app.standalone.servers import MongoServer, RedisServer
from config.settings import Environment
from tests.live import ROOT, free_port, live_server, settings_environment

if TYPE_CHECKING:
    from pathlib import Path

    from pymongo.database import Database

    from config.settings import Settings


def packhouse(
    settings: Settings, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with these settings, but for some variables."""
    return subprocess.run(  # noqa: S603  our own arguments, no shell
        (sys.executable, "-m", "app.cli", *arguments),
        env={**os.environ, **settings_environment(settings), **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def examined(settings: Settings) -> dict[str, Finding]:
    """Return what each check finds."""
    with Patient(settings) as patient:
        return {one.check: one for one in examine(patient, CHECKS)}


def ailing(settings: Settings) -> dict[str, Health]:
    """Return which checks do not say that all is well."""
    found = examined(settings)
    assert list(found) == list(CHECKS)
    for one in found.values():
        assert bool(one.advice) == (one.health in {Health.WARNING, Health.FAILED}), one
    return {name: one.health for name, one in found.items() if one.health is not Health.OK}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Those of an installation for others to use."""
    return settings.model_copy(update={"environment": Environment.PRODUCTION})


@pytest.fixture
def alive(redis: Redis, redis_prefix: str) -> None:
    """A worker that has just given a sign of life."""
    redis.set(redis_prefix + HEARTBEAT_KEY, "1")


@pytest.fixture
def healthy(settings: Settings, database: Database[dict[str, Any]], alive: None) -> Settings:
    """An installation where all is well, but that it does not know its own address."""
    del database, alive
    return settings


def test_where_all_is_well(healthy: Settings, tmp_path: Path) -> None:
    with live_server(healthy, tmp_path / "web.log") as server:
        served = healthy.model_copy(update={"public_url": server.url})
        assert ailing(served) == {"public url": Health.WARNING}
        assert "not encrypted" in examined(served)["public url"].says


PLANTED: dict[str, tuple[dict[str, Any], dict[str, Health], str]] = {
    "no secret": (
        {"jwt_secret": ""},
        {"secrets": Health.FAILED, "store owner": Health.SKIPPED},
        "JWT_SECRET",
    ),
    "a short secret": ({"jwt_secret": "too short"}, {"secrets": Health.WARNING}, "9 characters"),
    "no encryption key": (
        {"auth_encryption_key": ""},
        {"secrets": Health.FAILED},
        "AUTH_ENCRYPTION_KEY",
    ),
    "not for production": (
        {"environment": Environment.DEVELOPMENT},
        {"secrets": Health.WARNING},
        "ENVIRONMENT is development",
    ),
    "another database": (
        {"mongodb_db": "doctor_mistyped"},
        {
            "migrations": Health.FAILED,
            "indexes": Health.SKIPPED,
            "store owner": Health.SKIPPED,
        },
        "doctor_mistyped",
    ),
    "another prefix": ({"redis_prefix": "mistyped:"}, {"worker": Health.FAILED}, "sign of life"),
    "no public URL": ({"public_url": ""}, {"public url": Health.WARNING}, "not set"),
}
"""What is set wrongly, what is found, and a word of it."""


@pytest.mark.parametrize("plant", PLANTED)
def test_a_wrong_setting_is_named(healthy: Settings, plant: str) -> None:
    changes, expected, word = PLANTED[plant]
    changed = type(healthy).model_validate({**healthy.model_dump(), **changes}, by_name=True)
    assert ailing(changed) == {"public url": Health.WARNING, **expected}
    first = next(iter(expected))
    finding = examined(changed)[first]
    assert word in finding.says


def test_a_data_folder_that_cannot_be_used(healthy: Settings, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    lost = healthy.model_copy(update={"data_dir": tmp_path / "a-file" / "data"})
    found = ailing(lost)
    assert found["data directory"] is Health.FAILED
    assert found["storage"] is Health.FAILED


@pytest.mark.parametrize("url", ["mongodb://127.0.0.1:{}/", "no URL"])
def test_a_mongodb_that_is_not_there(healthy: Settings, url: str) -> None:
    url = url.format(free_port())
    found = ailing(healthy.model_copy(update={"mongodb_url": url}))
    assert found["mongodb"] is Health.FAILED
    assert found["migrations"] is found["indexes"] is found["store owner"] is Health.SKIPPED


def test_a_mongodb_without_transactions(healthy: Settings, tmp_path: Path) -> None:
    server = MongoServer(tmp_path / "mongodb", tmp_path / "mongodb.log")
    url = f"mongodb://127.0.0.1:{server.port}/"

    def answers() -> bool:
        with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=500) as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:
                return False

    part = server.part()
    alone = [one for one in part.argv if one not in {"--replSet", "rs0"}]
    at = alone.index("--keyFile")
    del alone[at : at + 2]
    with running(replace(part, argv=tuple(alone), is_ready=answers)):
        finding = examined(healthy.model_copy(update={"mongodb_url": url}))["mongodb"]
    assert finding.health is Health.FAILED
    assert "replica set" in finding.says


def test_a_mongodb_that_does_not_know_us(healthy: Settings) -> None:
    _, at, place = healthy.mongodb_url.partition("@")
    url = f"mongodb://somebody:wrong{at}{place}"
    finding = examined(healthy.model_copy(update={"mongodb_url": url}))["mongodb"]
    assert finding.health is Health.FAILED
    assert "Authentication failed" in finding.says


def test_an_index_that_is_gone(healthy: Settings, database: Database[dict[str, Any]]) -> None:
    database["versions"].drop_index("number")
    try:
        finding = examined(healthy)["indexes"]
    finally:
        restored = packhouse(healthy, "migrate", "--again")
    assert finding.health is Health.FAILED
    assert "versions.number" in finding.says
    assert restored.returncode == 0, restored.stderr
    assert examined(healthy)["indexes"].health is Health.OK


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{}/0", "no URL"])
def test_a_redis_that_is_not_there(healthy: Settings, url: str) -> None:
    url = url.format(free_port())
    found = ailing(healthy.model_copy(update={"redis_url": url}))
    assert found["redis"] is Health.FAILED
    assert found["worker"] is found["clocks"] is Health.SKIPPED


@pytest.mark.parametrize(
    ("setting", "health"),
    [
        (("maxmemory-policy", "allkeys-lru"), Health.FAILED),
        (("appendonly", "no"), Health.WARNING),
    ],
)
def test_a_redis_that_forgets(
    healthy: Settings, tmp_path: Path, setting: tuple[str, str], health: Health
) -> None:
    server = RedisServer(tmp_path / "redis", tmp_path / "redis.log")
    with running(server.part()), Redis.from_url(server.url) as client:
        client.config_set(*setting)
        finding = examined(healthy.model_copy(update={"redis_url": server.url}))["redis"]
    assert finding.health is health
    assert setting[0] in finding.advice


def test_a_bucket_that_cannot_be_used(s3_settings: Settings) -> None:
    wrong = s3_settings.model_copy(update={"s3_secret_key": SecretStr("wrong")})
    finding = examined(wrong)["storage"]
    assert finding.health is Health.FAILED
    assert "S3_BUCKET" in finding.advice
    assert examined(s3_settings)["storage"].health is Health.OK


def test_a_store_of_another_database(healthy: Settings, tmp_path: Path) -> None:
    mark = tmp_path / "data" / healthy.storage_path / "_owner" / "somebody-else"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("")
    finding = examined(healthy)["store owner"]
    assert finding.health is Health.FAILED
    assert "somebody-else" in finding.advice


def test_a_public_url_where_nobody_answers(healthy: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert ailing(healthy.model_copy(update={"public_url": url})) == {"public url": Health.FAILED}


def test_the_command_says_all_and_what_to_do(healthy: Settings) -> None:
    well = packhouse(healthy, "doctor")
    assert (well.returncode, well.stderr) == (0, "")
    assert "ok      mongodb: MongoDB " in well.stdout
    mistyped = healthy.model_copy(update={"redis_prefix": "mistyped:"})
    ill = packhouse(mistyped, "doctor")
    assert ill.returncode == 1
    assert "FAILED  worker: " in ill.stdout
    assert "celery -A celery_app worker" in ill.stdout
    findings = json.loads(packhouse(mistyped, "doctor", "--json").stdout)
    assert [one["check"] for one in findings] == list(CHECKS)
    assert {one["check"] for one in findings if one["health"] == "failed"} == {"worker"}


def test_the_command_names_a_variable_that_cannot_be_read(healthy: Settings) -> None:
    lost = packhouse(healthy, "doctor", AUTH_ENCRYPTION_KEY="not hexadecimal")
    assert lost.returncode == 1
    assert "AUTH_ENCRYPTION_KEY" in lost.stderr
