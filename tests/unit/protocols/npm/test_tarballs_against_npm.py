"""Where we take an archive, npm's own reader sees the same entries in it."""

from __future__ import annotations

import base64
import gzip
import io
import random
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from app.archives.tarballs import ArchiveLimits, Tarball
from app.errors import InvalidInput
from tests.unit.protocols.npm.artifacts import ask_node

ASK_TAR = """
    const tar = require('tar')
    const kinds = {
        File: 'FILE', OldFile: 'FILE', Directory: 'DIRECTORY', Link: 'HARDLINK',
        SymbolicLink: 'SYMLINK',
    }
    const read = archive => {
        const found = []
        const onReadEntry = entry => {
            found.push([entry.path, kinds[entry.type], entry.size, entry.linkpath || ''])
            entry.resume()
        }
        new tar.Parser({ onReadEntry }).end(Buffer.from(archive, 'base64'))
        return found
    }
    console.log(JSON.stringify(JSON.parse(require('fs').readFileSync(0)).map(read)))
"""

PATHS = [
    *(b"package/a", b"package/b.js", b"package/package.json", b"x/y/z", b"package/lib/"),
    *(b"package/./z", b"package//q", b"./package.json", b"package/PaxHeader/x"),
]


def _pax_record(name: bytes, value: bytes) -> bytes:
    rest = b" " + name + b"=" + value + b"\n"
    length = next(n for n in range(1000) if len(b"%d" % n) + len(rest) == n)
    return b"%d" % length + rest


def _block(chance: random.Random, flag: bytes, body: bytes) -> bytes:
    header = bytearray(512)
    fields = {
        0: chance.choice(PATHS),
        100: chance.choice([b"0000644\0", b"0100755\0", b"   644 \0", b""]),
        124: chance.choice([b"%011o\0", b"%012o", b"%o ", b"%11o\0"]) % len(body),
        156: flag,
        157: chance.choice([b"", b"", b"", b"package/a"]),
        257: chance.choice([b"ustar\x0000", b"ustar\x0000", b"ustar  \0", b""]),
        345: chance.choice([b"", b"", b"", b"pre/fix"]),
    }
    for at, value in fields.items():
        header[at : at + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + body + bytes(-len(body) % 512)


def _extension(chance: random.Random) -> bytes:
    if chance.random() < 0.6:
        return b""
    if chance.random() < 0.5:
        return _block(chance, chance.choice([b"L", b"K"]), chance.choice(PATHS) + b"\0")
    name = chance.choice([b"path", b"linkpath", b"size", b"comment"])
    record = _pax_record(name, chance.choice([*PATHS, b"512", b"1"]))
    return _block(chance, chance.choice([b"x", b"x", b"g"]), record)


def _archive(chance: random.Random) -> bytes:
    blocks = []
    for _ in range(chance.randint(1, 4)):
        flag = chance.choice([b"0", b"0", b"0", b"\0", b"7", b"5", b"2", b"1"])
        sizes = [0, 2, 511, 512, 513] if flag in {b"0", b"\0"} else [0, 0, 0, 2]
        body = b"x" * chance.choice(sizes)
        blocks += [_extension(chance), _extension(chance), _block(chance, flag, body)]
    return b"".join(blocks) + bytes(chance.choice([0, 512, 1024, 10240]))


@given(st.integers(0, 2**64))
@settings(max_examples=5, deadline=None)
def test_npm_sees_in_an_archive_what_we_see(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  any archives will do
    accepted = {}
    for archive in (_archive(chance) for _ in range(1000)):
        with suppress(InvalidInput):
            tarball = Tarball(io.BytesIO(gzip.compress(archive, 1)), ArchiveLimits())
            accepted[archive] = [
                [one.path, one.kind.name, one.size_bytes, one.link_target] for one in tarball
            ]
    assert len(accepted) > 20
    answers = ask_node(ASK_TAR, [base64.b64encode(archive).decode() for archive in accepted])
    for ours, npms in zip(accepted.values(), answers, strict=True):
        assert ours == npms
