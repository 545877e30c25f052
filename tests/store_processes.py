"""What processes of their own do to a store, for tests that kill, starve or measure them.

``python -m tests.store_processes COMMAND KIND [--gevent]``, with the settings in the
environment; what a test wants to know is printed.
"""

from __future__ import annotations

import sys

if "--gevent" in sys.argv:
    from gevent import monkey

    monkey.patch_all()

import hashlib
import json
import random
import resource
import secrets
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import Unavailable
from app.storage import create_store
from app.storage.base import LEAST_PART_BYTES, ObjectExists, ObjectStore
from app.storage.s3 import Connection
from app.storage.s3_store import S3Store
from app.storage.staging import StagingArea
from config.settings import Settings, load_settings
from tests.live import ROOT, settings_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
HAMMERED = 40
"""How many objects ``hammer`` reads; each begins with the digest of its rest."""


def start(command: str, kind: str, settings: Settings, *options: str) -> subprocess.Popen[str]:
    """Start a process that does this."""
    return subprocess.Popen(  # noqa: S603  our own interpreter
        [sys.executable, "-m", "tests.store_processes", command, kind, *options],
        cwd=ROOT,
        env=settings_environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(command: str, kind: str, settings: Settings, *options: str) -> str:
    """Let a process do this; returns what it printed."""
    with start(command, kind, settings, *options) as process:
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output


def signed(size_bytes: int) -> bytes:
    """Return random bytes that show whether they are whole."""
    rest = secrets.token_bytes(size_bytes)
    return hashlib.sha256(rest).digest() + rest


def is_whole(content: bytes) -> bool:
    """Whether these are all the bytes that ``signed`` gave."""
    return hashlib.sha256(content[32:]).digest() == content[:32]


def build(kind: str) -> ObjectStore:
    """Return the store of the settings; ``parts`` is S3 that uploads everything in parts."""
    settings = load_settings(_env_file=None)
    if kind != "parts":
        return create_store(settings)
    return S3Store(
        Connection(settings),
        settings.storage_path,
        StagingArea(settings.data_dir / "staging"),
        whole_up_to_bytes=0,
        part_bytes=LEAST_PART_BYTES,
    )


def pieces(count: int) -> Iterator[bytes]:
    """Give so many different MiB."""
    for number in range(count):
        yield number.to_bytes(4, "big") * (MIB // 4)


def reveal_forever(store: ObjectStore) -> None:
    """Reveal one object after the other; says before each that it is about to."""
    while True:
        content = signed(random.randrange(1, 6 * MIB))  # noqa: S311  no secret
        with store.stage(limit_bytes=len(content)) as arriving:
            arriving.write(content)
            staged = arriving.finish()
        print(staged.digests.sha256, flush=True)  # noqa: T201  for the test
        store.reveal(staged, f"killed/{staged.digests.sha256}")


def measure(store: ObjectStore) -> None:
    """Print by how much memory grows while large objects come and go."""
    _through(store, "small", 1)
    before = _memory_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # Lets VmHWM begin anew.
    _through(store, "large", 200)
    print(_memory_bytes("VmHWM") - before)  # noqa: T201  for the test


def _through(store: ObjectStore, key: str, count: int) -> None:
    with store.stage(limit_bytes=count * MIB) as arriving:
        for piece in pieces(count):
            arriving.write(piece)
        staged = arriving.finish()
    digest = staged.digests.sha256
    store.reveal(staged, key)
    found = hashlib.sha256()
    for piece in store.open(key):
        found.update(piece)
    assert found.hexdigest() == digest


def _memory_bytes(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def fill_disk(store: ObjectStore) -> None:
    """Stage what fits and what does not, on a disk that takes no file over 1 MiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    said = []
    for size_bytes in (MIB, MIB + 1):
        try:
            with store.stage(limit_bytes=2 * MIB) as arriving:
                arriving.write(bytes(size_bytes))
                store.reveal(arriving.finish(), f"{size_bytes}")
            said.append("stored")
        except Unavailable as error:
            said.append(error.message)
    print(json.dumps(said))  # noqa: T201  for the test


def hammer(store: ObjectStore) -> None:
    """Read objects at random, whole and in part, and delete a copy now and then."""
    chosen = random.Random()  # noqa: S311  no secret
    for _ in range(300):
        key = f"hammered/{chosen.randrange(HAMMERED)}"
        if chosen.random() < 0.3:
            with store.open(key, 32) as reader:
                rest = b"".join(reader)
            with store.open(key, 0, 32) as reader:
                content = b"".join(reader) + rest
        else:
            with store.open(key) as reader:
                content = b"".join(reader)
        assert is_whole(content)


def begin_filling(store: ObjectStore) -> None:
    """Read the first piece of an object, and wait for the end."""
    reader = store.open("large")
    next(reader)
    print("filling", flush=True)  # noqa: T201  for the test
    sys.stdin.read()


def live_with_gevent(store: ObjectStore) -> None:
    """Store a large object twice under gevent; print what ran meanwhile, and what was said."""
    import gevent  # noqa: PLC0415  only where it runs the process

    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            gevent.sleep(0.001)

    _through(store, "small", 1)
    with store.stage(limit_bytes=24 * MIB) as arriving:
        for piece in pieces(24):
            arriving.write(piece)
        staged = arriving.finish()
    ticking = gevent.spawn(tick)
    gevent.sleep(0)
    before = ticks
    store.reveal(staged, "large")
    ran_meanwhile = ticks - before
    ticking.kill()
    taken = False
    with store.stage(limit_bytes=10) as arriving:
        arriving.write(b"other")
        with arriving.finish() as second:
            try:
                store.reveal(second, "large")
            except ObjectExists:
                taken = True
    print(json.dumps({"ran_meanwhile": ran_meanwhile, "taken": taken}))  # noqa: T201  for the test


COMMANDS = {
    "reveal-forever": reveal_forever,
    "measure": measure,
    "fill-disk": fill_disk,
    "hammer": hammer,
    "begin-filling": begin_filling,
    "gevent": live_with_gevent,
}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](build(sys.argv[2]))
