"""What the doctor looks at, in this order."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from redis.exceptions import RedisError

from app import create_app
from app.doctor.diagnosis import Check, Trouble, Unknown, Worry
from app.doctor.patient import Patient
from app.errors import RegistryError
from app.heartbeat import HEARTBEAT_KEY
from app.registry import store_owner
from app.storage import create_store
from config.settings import Environment, SettingsError
from migrations import runner

_GIB = 1024**3
_LEAST_FREE_BYTES = _GIB
_LEAST_FREE_SHARE = 0.05
_LEAST_SECRET_CHARACTERS = 32
_MOST_SKEW_SECONDS = 2.0
_PATIENCE_SECONDS = 5


def check_secrets(patient: Patient) -> str:
    """Look whether tokens and what is stored can be protected."""
    settings = patient.settings
    try:
        settings.require_services_and_secrets()
    except SettingsError as error:
        name = str(error).partition(":")[0]
        if name not in {"JWT_SECRET", "AUTH_ENCRYPTION_KEY"}:
            raise Unknown(str(error)) from error
        raise Trouble(f"{name} is not set, or has a value that is public.", str(error)) from error
    secret = settings.jwt_secret.get_secret_value()
    if secret and len(secret) < _LEAST_SECRET_CHARACTERS:
        raise Worry(
            f"JWT_SECRET has only {len(secret)} characters.",
            "Set it to 64 random hexadecimal digits, such as `openssl rand -hex 32` prints. "
            "Everybody has to sign in again then.",
        )
    if settings.environment is not Environment.PRODUCTION:
        raise Worry(
            f"ENVIRONMENT is {settings.environment}.",
            "Set ENVIRONMENT=production where others use this registry: then it refuses to start "
            "without secrets of its own.",
        )
    return "JWT_SECRET and AUTH_ENCRYPTION_KEY are set."


def check_data_directory(patient: Patient) -> str:
    """Look whether there is a place for files, and room in it."""
    folder = patient.settings.data_dir.absolute()
    probe = folder / f".doctor-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Trouble(
            f"DATA_DIR: {folder} cannot be written to ({error.strerror}).",
            f"Make it a folder that the user with the number {os.geteuid()} may write to.",
        ) from error
    disk = shutil.disk_usage(folder)
    return judge_room(folder, free_bytes=disk.free, all_bytes=disk.total)


def judge_room(folder: Path, *, free_bytes: int, all_bytes: int) -> str:
    """Say how much room a disk has.

    Raises:
        Worry: it is less than a gibibyte, or than a twentieth.
    """
    free = f"{free_bytes / _GIB:.1f} of {all_bytes / _GIB:.1f} GiB are free on the disk of {folder}"
    if free_bytes < max(_LEAST_FREE_BYTES, _LEAST_FREE_SHARE * all_bytes):
        raise Worry(
            f"Only {free}.",
            "Free some space, enlarge the disk, or remove what nobody needs: `packhouse gc`.",
        )
    return f"{free}."


def check_mongodb(patient: Patient) -> str:
    """Look whether MongoDB answers, lets us in, and is a replica set."""
    _require(patient.settings.mongodb_url, "MONGODB_URL")
    try:
        client = patient.database.client
    except Unknown as error:
        raise Trouble(
            f"MongoDB does not answer, or does not let us in: {_first_words(error.__cause__)}.",
            "Check MONGODB_URL: host, port, user, password and authSource; does the server run?",
        ) from error
    answered = client.admin.command("hello")
    if not answered.get("setName"):
        raise Trouble(
            "MongoDB is not a replica set, and has no transactions.",
            "Start it with --replSet rs0, call rs.initiate() once, and add replicaSet=rs0 to "
            "MONGODB_URL. A set of one member is enough.",
        )
    version = client.server_info()["version"]
    return f"MongoDB {version} answers, as a member of {answered['setName']}."


def check_migrations(patient: Patient) -> str:
    """Look whether the database is as this code needs it."""
    pending = [one.name for one in runner.pending_migrations(patient.database)]
    if pending:
        raise Trouble(
            f"The database {patient.settings.mongodb_db} lacks {', '.join(pending)}.",
            "Run `packhouse migrate`. If this registry has been in use, check MONGODB_DB first.",
        )
    return f"The database {patient.settings.mongodb_db} is up to date."


def check_indexes(patient: Patient) -> str:
    """Look whether every index is there: the unique ones keep names and versions unique."""
    if runner.pending_migrations(patient.database):
        raise Unknown("The database is not up to date.")
    wanted = runner.known_indexes()
    missing = [
        f"{collection}.{index}"
        for collection, indexes in wanted.items()
        for index in sorted(indexes - set(patient.database[collection].index_information()))
    ]
    if missing:
        raise Trouble(
            f"Indexes are missing: {', '.join(missing)}.",
            "Run `packhouse migrate --again`, which creates what is missing.",
        )
    return f"All {sum(map(len, wanted.values()))} indexes are there."


def check_redis(patient: Patient) -> str:
    """Look whether Redis answers, and keeps what it is given."""
    _require(patient.settings.redis_url, "REDIS_URL")
    try:
        info = patient.redis.info()
    except Unknown as error:
        raise Trouble(
            f"Redis does not answer, or does not let us in: {_first_words(error.__cause__)}.",
            "Check REDIS_URL: host, port, password, and whether the server runs.",
        ) from error
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise Trouble(
            f"Redis forgets keys when its memory is full ({policy}): audit events could be lost.",
            "Set maxmemory-policy noeviction in its configuration.",
        )
    if not info.get("aof_enabled"):
        raise Worry(
            "Redis keeps no append-only file: what it was told last is lost when it restarts.",
            "Set appendonly yes in its configuration.",
        )
    return f"Redis {info['redis_version']} answers, and keeps what it is told."


def check_storage(patient: Patient) -> str:
    """Write, read and remove an object."""
    settings = patient.settings
    where = f"the bucket {settings.s3_bucket}" if settings.uses_s3 else "the filesystem"
    key, content = f"_doctor/{uuid.uuid4().hex}", b"probe"
    try:
        store = create_store(settings)
        with store.stage(limit_bytes=len(content)) as arriving:
            arriving.write(content)
            with arriving.finish() as staged:
                store.reveal(staged, key)
        try:
            with store.open(key) as reader:
                found = b"".join(reader)
        finally:
            store.delete(key)
    except (RegistryError, SettingsError, OSError) as error:
        advice = "Check DATA_DIR and STORAGE_PATH, and who may write there."
        if settings.uses_s3:
            advice = (
                "Check S3_ENDPOINT, S3_BUCKET, S3_REGION and both keys; the keys must be allowed "
                "to list, read, write and delete in the bucket."
            )
        cause = _first_words(error.__cause__ or error)
        raise Trouble(f"Artifacts cannot be kept in {where}: {cause}.", advice) from error
    if found != content:
        raise Trouble(
            f"{where.capitalize()} gives back other bytes than it was given.",
            "Look for a proxy or a cache between Packhouse and the store.",
        )
    return f"Artifacts are written to, read from and deleted from {where}."


def check_store_owner(patient: Patient) -> str:
    """Look whether another database uses this store."""
    if runner.pending_migrations(patient.database):
        raise Unknown("The database is not up to date.")
    _needed = patient.redis  # by the application
    try:
        with create_app(patient.settings).app_context():
            store_owner.check()
    except store_owner.StoreNotOurs as error:
        raise Trouble("The store is another database's.", str(error)) from error
    except (RegistryError, SettingsError, OSError) as error:
        raise Unknown(f"The store does not answer ({_first_words(error)}).") from error
    return "The store is this database's."


def check_worker(patient: Patient) -> str:
    """Look for the signs of life of the workers and their schedule."""
    try:
        alive = patient.redis.get(patient.settings.redis_prefix + HEARTBEAT_KEY)
    except RedisError as error:
        raise Unknown(f"Redis does not answer ({_first_words(error)}).") from error
    if alive is None:
        raise Trouble(
            "No worker, or no schedule, has given a sign of life.",
            "Start `celery -A celery_app worker` and, once, `celery -A celery_app beat`, with the "
            "same settings as the web processes.",
        )
    return "A worker and the schedule are alive."


def check_public_url(patient: Patient) -> str:
    """Ask the registry under the address that its clients are given."""
    url = patient.settings.public_url
    if not url:
        raise Worry(
            "PUBLIC_URL is not set: links are made from what each request calls us.",
            "Set it to the origin that clients use, such as https://packages.example.org.",
        )
    try:
        pool = urllib3.PoolManager(timeout=_PATIENCE_SECONDS, retries=False)
        answer = pool.request("GET", f"{url}/")
    except urllib3.exceptions.HTTPError as error:
        raise Trouble(
            f"Nothing answers at PUBLIC_URL, {url}: {_first_words(error)}.",
            "Check the name, the proxy and its certificate, or correct PUBLIC_URL.",
        ) from error
    if not _is_packhouse(answer):
        raise Trouble(
            f"Something else answers at PUBLIC_URL, {url} (status {answer.status}).",
            "Let the proxy pass all paths on to Packhouse, or correct PUBLIC_URL.",
        )
    if urlsplit(url).scheme != "https":
        raise Worry(
            f"PUBLIC_URL, {url}, is not encrypted: passwords and tokens can be read on the way.",
            "Put a proxy with TLS before Packhouse, and name it in TRUSTED_PROXIES.",
        )
    return f"Packhouse answers at {url}."


def check_clocks(patient: Patient) -> str:
    """Compare our clock with MongoDB's and Redis's."""
    return judge_clocks(
        {
            "MongoDB": _skew(lambda: _clock_of_mongodb(patient)),
            "Redis": _skew(lambda: _clock_of_redis(patient)),
        }
    )


def judge_clocks(skews: Mapping[str, float]) -> str:
    """Say whether clocks agree with ours.

    Args:
        skews: by how many seconds each is before ours.

    Raises:
        Trouble: one differs by more than two seconds.
    """
    wrong = {name: skew for name, skew in skews.items() if abs(skew) > _MOST_SKEW_SECONDS}
    if wrong:
        shown = ", ".join(f"{name} {skew:+.1f} s" for name, skew in wrong.items())
        raise Trouble(
            f"Clocks differ from ours: {shown}.",
            "Run a time service (chrony, systemd-timesyncd) on every machine: tokens and leases "
            "depend on the clock.",
        )
    return f"The clocks of {' and '.join(skews)} agree with ours."


def _skew(read: Callable[[], float]) -> float:
    """Return by how many seconds a clock is before ours, as far as its answer's time tells."""
    asked_at = time.time()
    theirs = read()
    return theirs - (asked_at + time.time()) / 2


def _clock_of_mongodb(patient: Patient) -> float:
    answered: datetime = patient.database.client.admin.command("hello")["localTime"]
    return answered.replace(tzinfo=UTC).timestamp()


def _clock_of_redis(patient: Patient) -> float:
    seconds, microseconds = patient.redis.time()
    return float(seconds) + float(microseconds) / 1e6


def _require(value: str, name: str) -> None:
    if not value:
        raise Trouble(
            f"{name} is not set.", "Point it at a server, or run `packhouse up`, which starts one."
        )


def _is_packhouse(answer: urllib3.BaseHTTPResponse) -> bool:
    try:
        return bool(answer.json()["name"] == "Packhouse")
    except (ValueError, LookupError, TypeError):
        return False


def _first_words(error: BaseException | None) -> str:
    """Return what an error says, without the driver's details."""
    return str(error).partition(" (configured")[0].partition(", Timeout:")[0].strip(" .")


CHECKS: Mapping[str, Check] = {
    "secrets": check_secrets,
    "data directory": check_data_directory,
    "mongodb": check_mongodb,
    "migrations": check_migrations,
    "indexes": check_indexes,
    "redis": check_redis,
    "storage": check_storage,
    "store owner": check_store_owner,
    "worker": check_worker,
    "public url": check_public_url,
    "clocks": check_clocks,
}
