from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from config.logging import configure_logging
from config.settings import LogFormat, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "q8Zr3vT1xYb7"  # noqa: S105  made up


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def configure(log_format: LogFormat = LogFormat.JSON) -> None:
    configure_logging(load_settings(_env_file=None, log_format=log_format))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_events_and_those_of_libraries_look_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    structlog.contextvars.bind_contextvars(request_id="r-1")
    structlog.get_logger("app.x").info("version.published", package="left-pad", size_bytes=3)
    logging.getLogger("gunicorn.error").warning("worker %s timed out", 7)
    ours, theirs = lines(capsys)
    assert ours.pop("time")
    assert ours == {
        "event": "version.published",
        "package": "left-pad",
        "size_bytes": 3,
        "level": "info",
        "logger": "app.x",
        "request_id": "r-1",
    }
    assert theirs.pop("time")
    assert theirs == {
        "event": "worker 7 timed out",
        "level": "warning",
        "logger": "gunicorn.error",
        "request_id": "r-1",
    }


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_secret_is_logged(log_format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_format)
    log = structlog.get_logger("app.x")
    log.info("request", headers={"Authorization": SECRET, "Accept": "*/*"}, password=SECRET)
    logging.getLogger("werkzeug").info("DELETE /-/user/token/%s", SECRET)
    error = ConnectionError(f"mongodb://packhouse:{SECRET}@db is down")
    log.error("database.failed", exc_info=error)
    written = capsys.readouterr().err
    assert "ConnectionError" in written
    assert SECRET not in written


def test_a_value_that_is_no_json_is_logged_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger("app.x").info("odd", value=object, seen={1, 2})
    (line,) = lines(capsys)
    assert line["value"] == "<class 'object'>"
    assert line["seen"] == [1, 2]


def test_each_task_of_each_second_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logging.getLogger("celery.app.trace").info("Task audit.flush succeeded")
    assert lines(capsys) == []
