"""One way for every log line: an event with fields, without secrets, as JSON or for a console.

Our own events and those of gunicorn, Celery, Werkzeug and the drivers go through the same
handler. It writes to standard error: standard output belongs to commands' results.
"""

from __future__ import annotations

import logging.config
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from config.redaction import MASK, is_secret_key, redact
from config.settings import LogFormat, Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.types import EventDict, Processor, WrappedLogger

# One line for each task each second, or for each request to S3, would hide the rest.
_CHATTY = (
    "celery.app.trace",
    "celery.beat",
    "celery.worker.request",
    "celery.worker.strategy",
    "botocore",
    "boto3",
    "s3transfer",
    "pymongo",
    "urllib3",
)


def configure_logging(settings: Settings) -> None:
    """Send everything that this process logs through the one handler."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logging.config.dictConfig(stdlib_logging(settings))


def stdlib_logging(settings: Settings) -> dict[str, Any]:
    """Return the ``dictConfig`` of the one handler; gunicorn takes it as ``logconfig_dict``."""
    chatty_level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _common(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_secrets,
                    _renderer(settings.log_format),
                ],
            },
        },
        "handlers": {
            "standard_error": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "structured",
            },
        },
        "root": {"level": settings.log_level, "handlers": ["standard_error"]},
        "loggers": {
            **{name: {"level": chatty_level} for name in _CHATTY},
            # gunicorn gives these handlers of their own unless they are named here.
            "gunicorn.error": {"level": settings.log_level, "handlers": [], "propagate": True},
            "gunicorn.access": {"level": settings.log_level, "handlers": [], "propagate": True},
        },
    }


def without_secrets(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> EventDict:
    """Mask secrets in a log event: by the name of the field, and by their looks in any text."""
    return {key: MASK if is_secret_key(key) else redact(value) for key, value in event.items()}


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]


def _renderer(log_format: LogFormat) -> Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.dev.ConsoleRenderer(timestamp_key="time")


def _to_json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
