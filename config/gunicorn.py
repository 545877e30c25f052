"""How gunicorn runs the web processes: ``gunicorn --config config/gunicorn.py wsgi:app``.

What a client may ask of the server is in ``app/http/server/limits.py``.
"""

from __future__ import annotations

import gc
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from config.logging import configure_logging, stdlib_logging
from config.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

    from app.http.server.worker import HttpWorker

try:
    settings = load_settings()
    settings.require_services_and_secrets()
except SettingsError as error:
    raise SystemExit(str(error)) from error

_MEMORY = Path("/dev/shm")  # noqa: S108  only the heartbeat files of workers, made by mkstemp
_METRICS = settings.data_dir.resolve() / "metrics"

proc_name = "packhouse"
chdir = str(Path(__file__).resolve().parents[1])
bind = (
    f"[{settings.host}]:{settings.port}"
    if ":" in settings.host
    else f"{settings.host}:{settings.port}"
)
workers = settings.web_workers
worker_class = "app.http.server.worker.HttpWorker"
worker_connections = 1000
preload_app = False  # clients of MongoDB, Redis and S3 are made after the fork
timeout = 30  # for a worker whose hub stands still; requests may take as long as they like
graceful_timeout = 30  # for the requests that run at SIGTERM
worker_tmp_dir = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None  # a disk may stall
control_socket_disable = True
accesslog = None  # app.http.lifecycle logs each request
loglevel = settings.log_level.lower()
logconfig_dict = stdlib_logging(settings)

configure_logging(settings)
# prometheus_client reads it when it is imported, in each worker.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_METRICS)


def on_starting(server: Arbiter) -> None:
    """Make room for the numbers and for the connections of this run."""
    _METRICS.mkdir(parents=True, exist_ok=True)
    if server.master_pid == 0:  # else it takes over from a master whose workers still count
        for file in _METRICS.glob("*.db"):
            file.unlink()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def post_fork(_server: Arbiter, worker: HttpWorker) -> None:
    """Tell the worker whom it may get many connections from."""
    worker.proxies = settings.trusted_proxies


def post_worker_init(worker: HttpWorker) -> None:
    """Begin what a web process does beside answering."""
    from app.http import background  # noqa: PLC0415  after gevent has patched the process

    background.start(worker.wsgi)
    # What was loaded stays: the collector need not walk it again while clients wait.
    gc.collect()
    gc.freeze()


def worker_exit(_server: Arbiter, worker: HttpWorker) -> None:
    """End it; the master calls this too, for a worker that is gone."""
    if worker.pid == os.getpid() and worker.booted:
        from app.http import background  # noqa: PLC0415  as above

        background.stop(worker.wsgi)


def child_exit(_server: Arbiter, worker: HttpWorker) -> None:
    """Forget the gauges of a worker that ended."""
    from prometheus_client import multiprocess  # noqa: PLC0415  only where one ended

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # no types
