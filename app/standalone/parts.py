"""Packhouse's own three programs: the worker, its schedule, and the web server."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.standalone.ports import LOOPBACK
from app.standalone.process import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_PROBE_SECONDS = 5
_ALL_ADDRESSES = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104  compared with, not bound


def own_parts(settings: Settings, env: Mapping[str, str], logs: Path) -> list[Part]:
    """Return the three in the order of their start; the web server comes last.

    Args:
        settings: complete, with the addresses of all services.
        env: what the programs are to find in their environment.
        logs: the folder for their logs.

    Raises:
        CannotStart: Redis does not answer.
    """
    from app.standalone.heart import Heart  # noqa: PLC0415  Redis's client: see servers

    heart = Heart(settings)
    heart.forget()
    celery = (sys.executable, "-m", "celery", "-A", "celery_app")
    gunicorn = (sys.executable, "-m", "gunicorn", "--config", str(_ROOT / "config/gunicorn.py"))
    return [
        Part(
            name="worker",
            argv=(*celery, "worker", "--without-gossip", "--without-mingle"),
            log=logs / "worker.log",
            is_ready=heart.beats,
            env=env,
        ),
        Part(
            name="beat",
            argv=(*celery, "beat"),
            log=logs / "beat.log",
            is_ready=heart.beats,
            env=env,
        ),
        Part(
            name="web",
            argv=(*gunicorn, "wsgi:app"),
            log=logs / "web.log",
            is_ready=lambda: _answers(settings.host, settings.port),
            address=shown_url(settings),
            env=env,
            stop_within_seconds=35,  # gunicorn gives open requests 30
        ),
    ]


def shown_url(settings: Settings) -> str:
    """The address to open in a browser on this machine."""
    if settings.public_url:
        return settings.public_url
    host = "localhost" if settings.host in _ALL_ADDRESSES else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _answers(host: str, port: int) -> bool:
    address = _ALL_ADDRESSES.get(host, host)
    connection = http.client.HTTPConnection(address, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
