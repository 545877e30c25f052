"""Real web processes of the registry, for tests that kill, suspend or outpace them."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app.standalone.process import Part, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.standalone.process import Child
    from config.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"


def settings_environment(settings: Settings) -> dict[str, str]:
    """Write settings as the environment of a process that is to have the same ones."""
    return {
        name.upper(): _text(value)
        for name, value in settings.model_dump().items()
        if value not in (None, "", ())
    }


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class LiveServer:
    """One gunicorn with its workers."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.port = port

    @property
    def url(self) -> str:
        """The origin, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def worker_pids(self) -> list[int]:
        """Return the processes that serve."""
        children = Path(f"/proc/{self._gunicorn_pid()}/task/{self._gunicorn_pid()}/children")
        return [int(pid) for pid in children.read_text().split()]

    def _gunicorn_pid(self) -> int:
        return self.child.pid


@contextmanager
def live_server(
    settings: Settings, log: Path, *, workers: int = 1, port: int | None = None
) -> Iterator[LiveServer]:
    """Serve with these settings for as long as the block."""
    port = port or free_port()

    def is_ready() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    part = Part(
        name=f"web-{port}",
        argv=(sys.executable, "-m", "gunicorn", "-c", str(ROOT / "config/gunicorn.py"), "wsgi:app"),
        log=log,
        is_ready=is_ready,
        env={
            **settings_environment(settings),
            "HOST": LOOPBACK,
            "PORT": str(port),
            "WEB_WORKERS": str(workers),
            "PYTHONPATH": os.pathsep.join([str(ROOT)]),
        },
    )
    with running(part) as child:
        yield LiveServer(child, port)
