"""Processes to be killed, as a script: ``processes.py ROLE [ARGUMENT …]``.

Settings come from the environment. Each role says on standard output what it has done,
one line at a time, after it is done.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app import audit
from app.audit import Actor, ActorType, AuditAction, Resource, Result
from app.errors import Unavailable
from app.extensions import bind
from app.models import PlatformSettings, connect, in_transaction
from config.logging import configure_logging
from config.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALICE = Actor(type=ActorType.USER, id="64a0", name="alice")


def main(role: str, arguments: list[str]) -> None:
    if role == "kill":
        kills, seed, longest = arguments[1:]
        kill_repeatedly(
            arguments[0], kills=int(kills), seed=int(seed), longest_seconds=float(longest)
        )
    else:
        ROLES[role]()


def kill_repeatedly(role: str, *, kills: int, seed: int, longest_seconds: float) -> None:
    """Fork a process in a role and kill it at a random moment of its work; again and again."""
    moments = random.Random(seed)  # noqa: S311  which moments are tried
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for _ in range(kills):
        ready, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            ROLES[role](lambda writable=writable: os.close(writable))
            os._exit(0)
        os.close(writable)
        os.read(ready, 1)  # returns when the other end is closed: it is about to begin
        os.close(ready)
        ended = signal.sigtimedwait({signal.SIGCHLD}, moments.uniform(0, longest_seconds))
        if ended is None:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        signal.sigtimedwait({signal.SIGCHLD}, 0)
        say("finished" if ended else "killed")


def flush(begin: Callable[[], None] = lambda: None) -> None:
    """Flush until nothing waits."""
    with registry().app_context():
        begin()
        while audit.flush(limit=100):
            pass


def deny(begin: Callable[[], None] = lambda: None) -> None:
    """Record denials for ever; say the name of each one whose ``record`` has returned."""
    with registry().app_context():
        begin()
        for name in names():
            try:
                audit.record(
                    AuditAction.ACCESS_DENIED,
                    actor=ALICE,
                    resource=Resource(type="package", name=name),
                    result=Result.DENIED,
                )
            except Unavailable:
                continue
            say(name)


def change(begin: Callable[[], None] = lambda: None) -> None:
    """Change the database for ever, each change with its event; say each that was done."""
    with registry().app_context():
        begin()
        for name in names():
            try:
                in_transaction(lambda name=name: make_change(name))
            except Unavailable:
                continue
            say(name)


def make_change(name: str) -> None:
    PlatformSettings(name=name).save(force_insert=True)
    audit.record(
        AuditAction.SETTINGS_UPDATE, actor=ALICE, resource=Resource(type="settings", name=name)
    )


def names() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{os.getpid()}-{time.monotonic_ns()}-{number}"


def registry() -> Flask:
    settings = load_settings(_env_file=None)
    configure_logging(settings)  # to standard error
    app = Flask("audit_process")
    bind(app, "settings", settings)
    bind(
        app,
        "redis",
        Redis.from_url(
            settings.redis_url,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 1),
        ),
    )
    connect(settings.mongodb_url, settings.mongodb_db)
    return app


def say(line: str) -> None:
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


ROLES: dict[str, Callable[..., None]] = {"flush": flush, "deny": deny, "change": change}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
