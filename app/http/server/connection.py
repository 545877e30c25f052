"""One client's connection: request after request, until one side has had enough."""

from __future__ import annotations

import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import gevent
import structlog

from app.http.server.answer import Answer, date_line
from app.http.server.body import BodyError, RequestBody
from app.http.server.head import Refusal, bad_request
from app.http.server.wire import ClientGone, Wire

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from gevent.socket import socket

    from app.http.server.server import Server

log = structlog.get_logger(__name__)


class Connection:
    """Serves one client; lives in a greenlet of its own.

    Attributes:
        host: the address of its other end.
        waits_since: when it began to wait for a request's head; infinite while one is served.
    """

    def __init__(self, sock: socket, address: tuple[str, int], server: Server) -> None:
        self._wire = Wire(sock, server.limits)
        self._server = server
        self._answer: Answer | None = None
        self.host = address[0]
        self.waits_since = math.inf
        self._environ = {
            **server.environ,
            "REMOTE_ADDR": address[0],
            "REMOTE_PORT": str(address[1]),
        }

    def serve(self) -> None:
        """Answer requests until the connection ends."""
        limits = self._server.limits
        patience = limits.head_seconds
        try:
            while self._await_request(patience) and self._serve_one():
                patience = limits.idle_seconds
                if self._server.is_stopping:
                    self._wire.stop_reading()
        except Refusal as refusal:
            self._refuse(refusal)
        except ClientGone:
            return
        finally:
            self._wire.close()

    def begin_stop(self) -> None:
        """Close the connection now, or with the request that is being served."""
        if self._wire.is_idle and self._answer is None:
            # Who has just connected is about to ask, and cannot know that it is too late.
            gevent.spawn_later(self._server.limits.first_request_seconds, self._stop_waiting)
        elif self._wire.is_idle:
            self._wire.stop_reading()
        elif self._answer is not None and not self._answer.is_started:
            self._answer.keeps_alive = False

    def _stop_waiting(self) -> None:
        if self._wire.is_idle:
            self._wire.stop_reading()

    def turn_away(self) -> None:
        """Say that there is no room, and close without a look at what may come."""
        refusal = Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE, "Your address has too many connections open."
        )
        self._say(refusal)
        self._wire.close()

    def make_room(self) -> None:
        """Close the connection, which waits; a request that has arrived is still served."""
        self.waits_since = math.inf
        self._wire.stop_reading()

    def _await_request(self, seconds: float) -> bool:
        self.waits_since = time.monotonic()
        return self._wire.await_request(seconds)

    def _serve_one(self) -> bool:
        """Serve one request; false where it is the connection's last."""
        environ = self._environ.copy()
        framing = self._server.heads.read(self._wire, environ)
        self.waits_since = math.inf
        body = RequestBody(self._wire, framing, self._server.limits)
        environ["wsgi.input"] = body.as_input()
        if self._server.is_stopping:
            framing.keeps_alive = False
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        answer = self._answer = Answer(self._wire, framing, body, is_head=is_head)
        self._run_application(environ, answer)
        if answer.keeps_alive:
            return body.is_complete or body.pass_rest()
        if self._wire.has_more or not body.is_complete:
            self._wire.linger()
        return False

    def _run_application(self, environ: WSGIEnvironment, answer: Answer) -> None:
        try:
            result = self._server.application(environ, answer.start_response)
            try:
                answer.send(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except ClientGone:
            raise
        except BodyError as error:
            if answer.is_started:
                raise ClientGone from error
            raise bad_request(str(error)) from error
        except Exception as error:
            log.exception("application.failed", path=environ["PATH_INFO"])
            if answer.is_started:
                self._wire.break_off()
                raise ClientGone from error
            raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed.") from error

    def _refuse(self, refusal: Refusal) -> None:
        if self._say(refusal):
            self._wire.linger()

    def _say(self, refusal: Refusal) -> bool:
        """Answer with a refusal; false where nobody is there to hear it."""
        status, reason = refusal.status, refusal.reason
        if status != HTTPStatus.INTERNAL_SERVER_ERROR:  # that is logged already, with its cause
            log.info("request.refused", status=status.value, reason=reason, ip=self.host)
        text = f"{reason}\n".encode()
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            date_line(),
            "Content-Type: text/plain",
            f"Content-Length: {len(text)}",
            "Connection: close\r\n\r\n",
        )
        try:
            self._wire.send("\r\n".join(lines).encode(), text)
        except ClientGone:
            return False
        return True
