"""A worker that stops finishes what it began, and one that hangs is replaced."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.raw_http import PATIENCE_SECONDS, serving
from tests.small_app import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.raw_http import Client, Server

CONTINUE = b"HTTP/1.1 100 Continue\r\n"


def begin_upload(client: Client, size: int) -> None:
    """Begin a request, and return once its application reads the body."""
    client.request("PUT /digest", "Expect: 100-continue", f"Content-Length: {size}")
    assert (client.line(), client.line()) == (CONTINUE, b"\r\n")


def exit_code(server: Server) -> str:
    assert server.child.has_ended_within(PATIENCE_SECONDS)
    return server.child.ending()


def test_a_stop_waits_for_a_running_upload_and_closes_what_rests(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.connect() as upload, server.connect() as resting:
        assert resting.get("/hello").text == "hello"
        begin_upload(upload, 2 * MIB)
        server.child.ask_to_stop()
        assert resting.is_closed()
        with pytest.raises(ConnectionError):
            server.get("/hello")
        upload.send(b"x" * (2 * MIB))
        answer = upload.answer()
        assert json.loads(answer.text)["sizes"] == [MIB, MIB]
        assert answer.headers["connection"] == "close"
        assert upload.is_closed()
        assert exit_code(server) == "exit code 0"


def test_a_stop_serves_who_has_connected_and_not_asked_yet(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.connect() as fresh, server.connect() as resting:
        assert resting.get("/hello").text == "hello"  # so the other one was accepted
        server.child.ask_to_stop()
        assert resting.is_closed()
        answer = fresh.get("/hello")
        assert (answer.text, answer.headers["connection"]) == ("hello", "close")
        assert fresh.is_closed()
        assert exit_code(server) == "exit code 0"


def test_a_stop_does_not_wait_long_for_who_says_nothing(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.connect() as fresh, server.connect() as resting:
        assert resting.get("/hello").text == "hello"
        server.child.ask_to_stop()
        assert fresh.is_closed()
        assert exit_code(server) == "exit code 0"
        assert "did not end in time" not in server.log.read_text()


def test_a_stop_waits_for_a_running_download(tmp_path: Path) -> None:
    expected = hashlib.sha256(b"".join(bytes([number]) * MIB for number in range(64))).digest()
    with serving(tmp_path) as server, server.connect() as resting, server.connect() as download:
        assert resting.get("/hello").text == "hello"
        download.request("GET /download?64")
        assert download.line() == b"HTTP/1.1 200 OK\r\n"
        server.child.ask_to_stop()
        assert resting.is_closed()
        while download.line() != b"\r\n":
            pass
        assert hashlib.sha256(download.read(64 * MIB)).digest() == expected
        assert download.is_closed()
        assert exit_code(server) == "exit code 0"


def test_a_stop_does_not_wait_for_ever(tmp_path: Path) -> None:
    with serving(tmp_path, "--graceful-timeout", "4") as server, server.connect() as upload:
        begin_upload(upload, MIB)
        server.child.ask_to_stop()
        assert upload.is_closed()
        assert exit_code(server) == "exit code 0"
        assert "did not end in time" in server.log.read_text()


def test_a_reload_loses_no_request(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        before = {server.get("/process").text for _ in range(20)}
        os.kill(server.child.pid, signal.SIGHUP)
        after = before
        while before & after:
            after = {server.get("/process").text for _ in range(20)}
        assert not before & after


def test_a_killed_worker_takes_only_its_own_clients_along(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        with server.connect() as client:
            killed = client.get("/process").text
            os.kill(int(killed), signal.SIGKILL)
            assert client.is_closed()
        assert {server.get("/process").text for _ in range(20)} - {killed}


def test_a_worker_whose_hub_stands_still_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--timeout", "3") as server, server.connect() as client:
        hanging = server.get("/process").text
        client.request("GET /hang")
        assert client.is_closed()
        assert server.get("/process").text != hanging


def test_a_long_request_is_no_hang(tmp_path: Path) -> None:
    with serving(tmp_path, "--timeout", "2") as server, server.connect() as client:
        begin_upload(client, 20)
        client.socket.settimeout(0.3)
        for _ in range(20):
            with pytest.raises(TimeoutError):
                client.socket.recv(1)
            client.send(b"x")
        client.socket.settimeout(PATIENCE_SECONDS)
        assert client.answer().status == 200


def test_a_stop_while_workers_still_start_is_not_lost(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "4") as server:
        server.child.ask_to_stop()
        assert exit_code(server) == "exit code 0"
