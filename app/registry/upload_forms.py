"""Forms in which clients upload a file: read once, the file staged on the way.

Spec: RFC 7578.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.http import parse_options_header

from app.errors import InvalidInput, TooLarge
from app.registry.bodies import Body
from app.storage.base import Stage, Staged

MAX_FIELD_BYTES = 16 * 1024 * 1024
"""Of all fields together: metadata may hold a long description."""

_MOST_PARTS = 10_000
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class FormShape:
    """What a form is looked at for.

    Attributes:
        file: the name of the field with the file.
        fields: names of the other fields; what else there is, is passed over.
    """

    file: str
    fields: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class UploadForm:
    """A form that arrived whole.

    Attributes:
        fields: of those that are looked at, what was sent.
        filename: as it was sent, unchecked.
        content: the file, staged; whoever takes the form reveals or discards it.
    """

    fields: dict[str, str]
    filename: str
    content: Staged


def read_form(
    content_type: str,
    body: Body,
    shape: FormShape,
    stage: Callable[[], Stage],
    check_fields: Callable[[Mapping[str, str]], None] | None = None,
) -> UploadForm:
    """Read a form.

    Args:
        content_type: the request's.
        body: is read to its end.
        shape: what is wanted of it.
        stage: begins to take in the file.
        check_fields: raises where the fields are of a form that has no file.

    Raises:
        InvalidInput: it is no such form, or it ends too early.
        TooLarge: the fields, or the file, are larger than their limits.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind.lower() != "multipart/form-data" or not boundary:
        raise InvalidInput("Send the upload as multipart/form-data.")
    reading = _Reading(shape, stage)
    try:
        reading.read(PushMultipartParser(boundary, max_segment_count=_MOST_PARTS), body)
        if check_fields is not None:
            check_fields(reading.fields)
        return reading.result()
    except ParserLimitReached as error:
        raise InvalidInput(
            f"The form has more than {_MOST_PARTS} parts, or too many or too long headers of one."
        ) from error
    except (MultipartError, UnicodeError) as error:
        raise InvalidInput(f"The form cannot be read: {error}.") from error
    finally:
        reading.close()


@dataclass
class _Reading:
    """A form that is being read."""

    shape: FormShape
    stage: Callable[[], Stage]
    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    staging: Stage | None = None
    staged: Staged | None = None
    is_taken: bool = False
    field_bytes: int = 0
    part: str = ""
    is_content: bool = False
    text: bytearray = field(default_factory=bytearray)

    def read(self, parser: PushMultipartParser, body: Body) -> None:
        """Read to the end of the body."""
        while not parser.closed:
            for event in parser.parse(body.read(_PIECE_BYTES)):
                if isinstance(event, MultipartSegment):
                    self._begin(event)
                elif event is None:
                    self._end()
                elif self.is_content:
                    self._take_content(event)
                else:
                    self._take_text(event)

    def result(self) -> UploadForm:
        """Return what was read."""
        if self.staged is None or self.filename is None:
            raise InvalidInput(f"The form has no file: send it as '{self.shape.file}'.")
        self.is_taken = True
        return UploadForm(fields=self.fields, filename=self.filename, content=self.staged)

    def close(self) -> None:
        """Forget a file that nobody has taken."""
        if self.staging is not None:
            self.staging.discard()
        if self.staged is not None and not self.is_taken:
            self.staged.discard()

    def _begin(self, part: MultipartSegment) -> None:
        name = part.name or ""
        self.part, self.is_content, self.text = name, False, bytearray()
        filename = _filename_of(part)
        if filename is not None:
            self._begin_file(name, filename)
        elif name == self.shape.file:
            raise InvalidInput(f"The file in '{name}' has no filename.")

    def _begin_file(self, name: str, filename: str) -> None:
        if name in self.shape.fields:
            raise InvalidInput(f"The field {name!r} was sent as a file.")
        if name != self.shape.file:
            return  # A detached signature, which nobody reads any more.
        if self.filename is not None:
            raise InvalidInput("The form has more than one file: upload them one by one.")
        self.is_content, self.filename = True, filename
        self.staging = self.stage()

    def _take_content(self, piece: bytes) -> None:
        if self.staging is not None:
            self.staging.write(piece)

    def _take_text(self, piece: bytes) -> None:
        self.field_bytes += len(piece)
        if self.field_bytes > MAX_FIELD_BYTES:
            raise TooLarge("The form without its file", MAX_FIELD_BYTES)
        if self.part in self.shape.fields:
            self.text += piece

    def _end(self) -> None:
        if self.is_content and self.staging is not None:
            self.staged = self.staging.finish()
        elif self.part in self.shape.fields:
            if self.part in self.fields:
                raise InvalidInput(f"The field {self.part!r} was sent more than once.")
            self.fields[self.part] = self.text.decode()


def _filename_of(part: MultipartSegment) -> str | None:
    """Return a file's name; some clients send it as RFC 5987 has it (``filename*=``)."""
    plain: str | None = part.filename
    if plain is not None:
        return plain
    _kind, options = parse_options_header(part.header("Content-Disposition"))
    return options.get("filename")
