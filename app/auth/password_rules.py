"""Which passwords are refused: short ones, and those that are guessed first.

What a guesser tries is built from few parts: a well-known word, the owner's name, a walk
over the keyboard, a year, one character many times. So a password is measured by its
parts, each known one counting as little as one character. A list of leaked passwords
would say less: of the 30,000 commonest, 229 have twelve characters at all, and most of
those are such constructions; the famous rest is here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from app.errors import UnprocessableInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 12
LONGEST = 1024
_FEWEST_PARTS = 5
_FEWEST_DIGITS = 20
_SHORTEST_NAME = 3

_WORDS = (  # noqa: SIM905  words read best without quotes
    "password passwort passwd passw0rd p@ssword p@ssw0rd pa$$word motdepasse contrasena kennwort "
    "administrator admin root user guest login default secret changeme letmein welcome willkommen "
    "hello qwerty qwertz azerty iloveyou trustno1 whatever master superman batman pokemon starwars "
    "monkey dragon football baseball soccer princess sunshine shadow michael jordan minecraft "
    "spring summer autumn winter january february october november december monday friday "
    "test temp company internal packhouse registry docker database server"
).split()
_PHRASES = frozenset(
    "changemeplease correcthorsebatterystaple counterstrike finalfantasy grandtheftauto "  # noqa: SIM905  as above
    "harrypotter1 ingodwetrust iloveyoubaby iloveyouforever iloveyousomuch jamesbond007 "
    "justinbieber leavemealone letmeinplease liverpoolfc1 lost4815162342 manchesterunited "
    "metallica666 mortalkombat needforspeed onedirection opensesame123 playstation3 "
    "pleaseletmein sonyericsson thequickbrownfox tobeornottobe whosyourdaddy "
    "windowsserver worldofwarcraft youshallnotpass".split()
)
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_SEPARATOR = re.compile("[-_. ]")
_REPEATED_CHARACTER = re.compile(r"(.)\1+", re.DOTALL)
_REPEATED_UNIT = re.compile(r"(.+?)\1+", re.DOTALL)
_PART = "\0"

_KEYBOARD = ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")


def require_acceptable(password: str, names: Iterable[str], *, field: str = "/password") -> None:
    """Refuse a password that is easily guessed.

    Args:
        password: as typed.
        names: the owner's username, e-mail and display name.
        field: JSON pointer of the password in the request, for the error.

    Raises:
        UnprocessableInput: with a sentence that says which rule it breaks.
    """
    reason = why_refused(password, names)
    if reason is not None:
        raise UnprocessableInput(reason, {field: reason})


def why_refused(password: str, names: Iterable[str]) -> str | None:
    """Return what is wrong with a password, as a sentence; none if it will do."""
    if len(password) < SHORTEST:
        return f"A password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    folded = unicodedata.normalize("NFKC", password).casefold()
    if folded.isdigit() and len(folded) < _FEWEST_DIGITS:
        return "This password is only digits, and too easily guessed. Use letters too."
    if folded in _PHRASES:
        return "This password is well known, and tried first by those who guess."
    if _count_parts(folded, names) < _FEWEST_PARTS:
        return (
            "This password is too easily guessed: it is made of names, well-known words, years, "
            "repetitions or neighbouring keys. Use several unrelated words."
        )
    return None


def _count_parts(folded: str, names: Iterable[str]) -> int:
    joined = _SEPARATOR.sub("", folded)
    repeated = _REPEATED_UNIT.fullmatch(joined)
    text = _collapse(repeated[1] if repeated else joined)
    known = {_collapse(word) for word in (*_WORDS, *_name_parts(names))}
    for word in sorted(known, key=len, reverse=True):
        text = text.replace(word, _PART)
    return sum(1 for _ in _without_walks(_YEAR.sub(_PART, text)))


def _collapse(text: str) -> str:
    return _REPEATED_CHARACTER.sub(r"\1", text)


def _name_parts(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        local, _, _domain = name.casefold().partition("@")
        for part in (_SEPARATOR.sub("", local), *re.split(r"[\W_]+", local)):
            if len(part) >= _SHORTEST_NAME:
                yield part


def _without_walks(text: str) -> Iterator[str]:
    """Yield the characters, with one in place of each walk over neighbouring keys."""
    start = 0
    while start < len(text):
        yield text[start]
        length = max(
            _walk(text, start, stride=1, shortest=3), _walk(text, start, stride=2, shortest=6)
        )
        start += length or 1


def _walk(text: str, start: int, *, stride: int, shortest: int) -> int:
    """Return how long a walk begins here; with a stride of two it is a zigzag (q1w2e3)."""
    end = start + stride
    while end < len(text) and text[end] in _NEIGHBOURS.get(text[end - stride], ""):
        end += 1
    return end - start if end - start >= shortest else 0


def _neighbours() -> dict[str, str]:
    """Map each key to those beside it, and each letter and digit to those next in order."""
    place = {key: (y, x) for y, row in enumerate(_KEYBOARD) for x, key in enumerate(row)}
    beside = {(0, 1), (0, -1), (-1, 0), (-1, 1), (1, 0), (1, -1)}  # rows are staggered
    return {
        key: "".join(
            other
            for other, (other_y, other_x) in place.items()
            if (other_y - y, other_x - x) in beside or abs(ord(other) - ord(key)) == 1
        )
        for key, (y, x) in place.items()
    }


_NEIGHBOURS = _neighbours()
