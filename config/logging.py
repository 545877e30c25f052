"""One form for every log line: an event with fields, without secrets, as JSON or for a console.

Our own events are written straight away; those of gunicorn, Celery, Werkzeug and the drivers
come through the standard library's logging (three times as slow) and look the same. All go
to standard error: standard output belongs to commands' results.
"""

from __future__ import annotations

import logging.config
import sys
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


_COMMON: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
)


def configure_logging(settings: Settings) -> None:
    """Send everything that this process logs to standard error, in one form."""
    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        processors=[*_COMMON, _add_name, *_finish(settings.log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_NamedLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(stdlib_logging(settings))


class _NamedLogger:
    """Writes lines to standard error, and knows whose they are."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line, in one piece; standard error is flushed after each."""
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def _add_name(logger: _NamedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def stdlib_logging(settings: Settings) -> dict[str, Any]:
    """Return the ``dictConfig`` of the one handler; gunicorn takes it as ``logconfig_dict``."""
    chatty_level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_COMMON, structlog.stdlib.add_logger_name],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_finish(settings.log_format),
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


def _finish(log_format: LogFormat) -> list[Processor]:
    return [structlog.processors.format_exc_info, without_secrets, _renderer(log_format)]


def _renderer(log_format: LogFormat) -> Processor:
    if log_format is LogFormat.JSON:
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.dev.ConsoleRenderer(timestamp_key="time")


def _to_json(event: EventDict, **_options: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
