"""How Celery is configured, for the processes that enqueue and for those that work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.settings import Settings

VISIBILITY_SECONDS = 15 * 60
"""After this time the work of a worker that died is given to another.

Every task's time limit is shorter, so that a task that still runs is never given away.
"""

_CONNECT_SECONDS = 3
_SILENCE_SECONDS = 30


def celery_options(settings: Settings) -> dict[str, Any]:
    """Return Celery's settings.

    Nothing keeps results: a task's effect is its result. A worker that lost Redis waits
    for it as long as it takes.
    """
    return {
        "broker_url": settings.redis_url,
        "broker_transport_options": {
            "global_keyprefix": settings.redis_prefix,
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": _SILENCE_SECONDS,
            "socket_keepalive": True,
            # What enqueues learns at once that Redis is down; workers wait by other settings.
            "max_retries": 1,
            "interval_start": 0.1,
            "interval_step": 0,
        },
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_queue": "packhouse",
        "task_ignore_result": True,
        "task_acks_late": True,
        "timezone": "UTC",
        "worker_pool": "threads",
        "worker_concurrency": 4,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_enable_remote_control": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Kept in memory: it only holds when each entry ran last, and a file would be one
        # more thing to survive a kill.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": 1,
    }
