"""MongoDB, Redis and an S3 server, each as one part on free loopback ports.

Each class chooses its ports and says how its program is started and when it is ready;
:mod:`app.standalone.process` runs it. Their data lie in the folder that they are given, and so
does a password: every account of the machine reaches a loopback port.
"""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING

from app.standalone import programs
from app.standalone.ports import LOOPBACK, remembered_ports
from app.standalone.process import Part
from app.standalone.secret_file import kept_password

if TYPE_CHECKING:
    from pathlib import Path

_REPLICA_SET = "rs0"
_MONGODB_USER = "packhouse"
_PROBE_SECONDS = 2


class MongoServer:
    """MongoDB as a replica set of one, which transactions and change streams need."""

    def __init__(self, directory: Path, log: Path) -> None:
        self._directory = directory
        self._log = log
        self.port = remembered_ports(directory / "ports.json", ["mongodb"])["mongodb"]
        self._key_file = directory / "key"
        self._key = kept_password(self._key_file)

    @property
    def url(self) -> str:
        """Where clients connect, with the password."""
        place = f"{LOOPBACK}:{self.port}/?replicaSet={_REPLICA_SET}"
        return f"mongodb://{_MONGODB_USER}:{self._key}@{place}"

    def part(self) -> Part:
        """How it is run.

        Raises:
            CannotStart: there is no program.
        """
        mongod = programs.find(programs.MONGOD, self._directory / "bin")
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        return Part(
            name="mongodb",
            argv=(
                str(mongod),
                *("--dbpath", str(data)),
                *("--bind_ip", LOOPBACK),
                *("--port", str(self.port)),
                *("--replSet", _REPLICA_SET),
                *("--keyFile", str(self._key_file)),  # with it, nobody is let in without a password
                # It would take half of the machine's memory otherwise, and needs little.
                *("--wiredTigerCacheSizeGB", "0.5"),
                # One member needs little history; the default is 5 % of the disk.
                *("--oplogSize", "256"),
                # A process that is killed within a transaction holds its rows for so long, and
                # half as long again: less than others wait for them (``models.connection``).
                *("--setParameter", "transactionLifetimeLimitSeconds=6"),
                "--nounixsocket",
            ),
            log=self._log,
            is_ready=self._is_primary,
        )

    def _is_primary(self) -> bool:
        # MongoDB starts while its driver is imported, which takes nearly as long.
        from app.standalone.replica_set import is_primary  # noqa: PLC0415

        return is_primary(self.port, _REPLICA_SET, user=_MONGODB_USER, key=self._key)


class RedisServer:
    """Redis that keeps every acknowledged write."""

    def __init__(self, directory: Path, log: Path) -> None:
        self._directory = directory
        self._log = log
        self.port = remembered_ports(directory / "ports.json", ["redis"])["redis"]
        self._config = directory / "redis.conf"
        self._password = kept_password(self._config, "requirepass ")

    @property
    def url(self) -> str:
        """Where clients connect, with the password."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/0"

    def part(self) -> Part:
        """How it is run.

        Raises:
            CannotStart: there is no program.
        """
        redis_server = programs.find(programs.REDIS_SERVER, self._directory / "bin")
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        return Part(
            name="redis",
            argv=(
                *(str(redis_server), str(self._config)),
                *("--bind", LOOPBACK),
                *("--port", str(self.port)),
                *("--dir", str(data)),
                *("--appendonly", "yes"),
                # `everysec` puts off even the write(2) while a sync runs, so that a killed
                # process may lose two seconds of acknowledged writes. `always` was measured
                # at 0.3 ms a write.
                *("--appendfsync", "always"),
                *("--save", ""),
                # Its command line tells a later run that it is ours; see leftovers.
                *("--set-proc-title", "no"),
            ),
            log=self._log,
            is_ready=self._answers,
        )

    def _answers(self) -> bool:
        from redis import Redis  # noqa: PLC0415  as MongoDB's driver, above
        from redis.exceptions import RedisError  # noqa: PLC0415

        with Redis.from_url(self.url, socket_timeout=_PROBE_SECONDS) as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


class S3Server:
    """SeaweedFS: master, volume, filer and S3 gateway in one process.

    All of its listeners get ports of their own, since their defaults are fixed and two
    instances would collide. What is not needed stays off, as does its telemetry.
    """

    _LISTENERS = (
        *("s3", "s3.grpc", "filer", "filer.grpc", "master", "master.grpc"),
        *("volume", "volume.grpc", "admin"),
    )
    _ADMIN_GRPC_OFFSET = 10_000

    def __init__(
        self, directory: Path, log: Path, *, access_key: str, secret_key: str, bucket: str
    ) -> None:
        self._directory = directory
        self._log = log
        self.access_key = access_key
        self.secret_key = secret_key
        self.bucket = bucket
        self._ports = remembered_ports(
            directory / "ports.json", self._LISTENERS, also=self._ADMIN_GRPC_OFFSET
        )

    @property
    def endpoint(self) -> str:
        """Where clients connect."""
        return f"http://{LOOPBACK}:{self._ports['s3']}"

    def part(self) -> Part:
        """How it is run.

        Raises:
            CannotStart: there is no program.
        """
        weed = programs.find(programs.WEED, self._directory / "bin")
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        return Part(
            name="s3",
            argv=(
                *(str(weed), "-logtostderr=true", "mini"),
                *(f"-dir={data}", f"-bucket={self.bucket}"),
                *(f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}"),
                *self._port_options(),
                *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false"),
                *("-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
            ),
            env={
                "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key,
                # Its collector is lazy: it was seen at 1 GB after a few large uploads.
                "GOMEMLIMIT": "512MiB",
            },
            log=self._log,
            is_ready=self._takes_objects,
        )

    def _port_options(self) -> list[str]:
        options = []
        for listener, port in self._ports.items():
            server, _, grpc = listener.partition(".")
            options.append(f"-{server}.port.{grpc}={port}" if grpc else f"-{server}.port={port}")
        return options

    def _takes_objects(self) -> bool:
        """Whether a volume takes writes, the gateway listens and the bucket is there.

        Asked of each part by itself: a request of the gateway would have to be signed.
        """
        try:
            assigned, _ = _get(self._ports["master"], f"/dir/assign?collection={self.bucket}")
            gateway, _ = _get(self._ports["s3"], "/status")
            _, buckets = _get(self._ports["filer"], "/buckets/", accept="application/json")
        except (OSError, http.client.HTTPException):
            return False
        names = [entry["FullPath"] for entry in json.loads(buckets or b"{}").get("Entries") or []]
        return assigned == gateway == http.client.OK and f"/buckets/{self.bucket}" in names


def _get(port: int, path: str, accept: str = "*/*") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
