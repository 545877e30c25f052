from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from app.storage.hashing import PassingHashes

ALGORITHMS = ("sha256", "sha1", "md5", "sha512", "blake2b_256")
SIZES = st.sampled_from([0, 1, 1000, 65_535, 65_536, 200_000])


def digests(content: bytes) -> dict[str, str]:
    found = {name: hashlib.new(name, content).hexdigest() for name in ALGORITHMS[:-1]}
    return {**found, "blake2b_256": hashlib.blake2b(content, digest_size=32).hexdigest()}


@given(st.lists(SIZES, max_size=6), st.sets(st.sampled_from(ALGORITHMS)))
def test_pieces_of_any_size_have_the_digests_of_the_whole(
    sizes: list[int], algorithms: set[str]
) -> None:
    hashes = PassingHashes(algorithms)
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    for piece in pieces:
        hashes.update(piece)
    expected = digests(b"".join(pieces))
    assert hashes.hexdigests() == {name: expected[name] for name in algorithms}


def test_a_copy_goes_on_by_itself() -> None:
    first = PassingHashes(ALGORITHMS)
    first.update(b"a" * 100_000)
    second = first.copy()
    first.update(b"b" * 100_000)
    second.update(b"c" * 100_000)
    assert first.hexdigests() == digests(b"a" * 100_000 + b"b" * 100_000)
    assert second.hexdigests() == digests(b"a" * 100_000 + b"c" * 100_000)
