"""Ask Ruby itself: one process that answers many questions."""

from __future__ import annotations

import json
import struct
import subprocess
from typing import IO, TYPE_CHECKING, Any, Self

from tests.clients.rubygems.installed import releases

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LENGTH = struct.Struct(">I")

_LOOP = """
require 'json'
$stdin.binmode
$stdout.binmode
while (head = $stdin.read(4))
  reply = JSON.generate(answer($stdin.read(head.unpack1('N'))))
  $stdout.write([reply.bytesize].pack('N'), reply)
  $stdout.flush
end
"""


class Ruby:
    """A running Ruby; close it by leaving its ``with`` block.

    Args:
        script: defines ``answer(raw)``, which turns a binary string into what JSON can hold.
        command: Debian's Ruby, unless it is told. Where it is missing the test is skipped on a
            laptop, and fails in CI.
    """

    def __init__(self, script: str, command: Sequence[str | Path] = ()) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own script
            [*(command or debians_ruby()), "-e", script + _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, question: bytes) -> Any:
        """Return what the script's ``answer`` makes of some bytes."""
        _of(self._process.stdin).write(_LENGTH.pack(len(question)) + question)
        _of(self._process.stdin).flush()
        (length,) = _LENGTH.unpack(_of(self._process.stdout).read(_LENGTH.size))
        return json.loads(_of(self._process.stdout).read(length))

    def ask_json(self, question: object) -> Any:
        """Likewise, of what JSON can hold."""
        return self.ask(json.dumps(question).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._process:
            _of(self._process.stdin).close()


def debians_ruby() -> list[str | Path]:
    """Return the command that runs Ruby with the RubyGems that came with it."""
    return releases()[0].command("gem")[:1]


def _of(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
