"""Connections to Redis that give up soon and never repeat a command."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

from app.coherence.bus import BusError, Unseated

if TYPE_CHECKING:
    from redis import Redis
    from redis.connection import Connection

    from app.coherence.redis_scripts import Script

_ANSWER_SECONDS = 2.0
_MOST_IDLE = 16
_OPTIONS = {
    "decode_responses": True,
    "health_check_interval": 0,
    "protocol": 2,
    "retry": Retry(NoBackoff(), 0),
    "retry_on_error": [],
    "retry_on_timeout": False,
    "socket_connect_timeout": _ANSWER_SECONDS,
    "socket_timeout": _ANSWER_SECONDS,
}


class Connections:
    """Connections to the server of a client, with its credentials but without its habits.

    redis-py's own client repeats commands. A step that is repeated could be taken twice, the
    second time long after: a lease taken again after it was revoked would be one that nobody
    knows of. It also asks a connection whether it is alive before each command, and whether
    there is something to read before it reads: two thirds of the cost of a message in a
    gevent worker.
    """

    def __init__(self, client: Redis) -> None:
        pool = client.connection_pool
        self._class = pool.connection_class
        self._options = {**pool.connection_kwargs, **_OPTIONS}
        self._idle: deque[Connection] = deque(maxlen=_MOST_IDLE)

    def execute(self, *command: str | float) -> Any:  # noqa: ANN401  as many types as commands
        """Send a command and return its answer.

        Raises:
            Unseated: a script found that it was not meant for this server.
            BusError: no answer, or an error.
        """
        with _reaching():
            return self._execute(*command)

    def run(self, script: Script, keys: Sequence[str], args: Sequence[str | float]) -> Any:  # noqa: ANN401  as many types as scripts
        """Run a script and return its answer; for errors see :meth:`execute`."""
        rest = (len(keys), *keys, *args)
        with _reaching():
            try:
                return self._execute("EVALSHA", script.digest, *rest)
            except NoScriptError:
                return self._execute("EVAL", script.source, *rest)

    def subscribe(self, *channels: str) -> Subscription:
        """Return a subscription that receives all that is published from now on.

        Raises:
            BusError: Redis does not answer.
        """
        with _reaching():
            connection = self._open()
            _send(connection, "SUBSCRIBE", *channels)
            for _channel in channels:
                connection.read_response()
        return Subscription(connection)

    def _execute(self, *command: str | float) -> Any:  # noqa: ANN401  as many types as commands
        connection = self._take_idle()
        is_sound = False
        try:
            _send(connection, *command)
            answer = connection.read_response()
            is_sound = True
        except ResponseError:
            is_sound = True
            raise
        finally:
            if is_sound:
                self._idle.append(connection)
            else:
                _close(connection)
                # The others may be dead without anyone knowing.
                self._idle.clear()
        return answer

    def _take_idle(self) -> Connection:
        with suppress(IndexError):
            return self._idle.pop()
        return self._open()

    def _open(self) -> Connection:
        connection: Connection = self._class(**self._options)
        return connection


class Subscription:
    """What arrives on some channels."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def receive(self, seconds: float) -> str | None:
        """Return the next message, or None where none came in time.

        Raises:
            BusError: the connection is broken.
        """
        with _reaching():
            try:
                message = self._connection.read_response(timeout=seconds, disconnect_on_error=False)
            except NoAnswer:
                return None
        return str(message[2])

    def close(self) -> None:
        """Receive nothing any more."""
        _close(self._connection)


def _send(connection: Connection, *command: str | float) -> None:
    connection.send_command(*command)  # type: ignore[no-untyped-call]  # redis-py's own


def _close(connection: Connection) -> None:
    connection.disconnect()  # type: ignore[no-untyped-call]  # redis-py's own


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except ResponseError as error:
        raise (Unseated if "UNSEATED" in str(error) else BusError)(str(error)) from error
    except (RedisError, OSError) as error:
        raise BusError(repr(error)) from error
