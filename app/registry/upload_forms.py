"""Forms in which clients upload a file: read once, the file staged on the way.

Spec: RFC 7578.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from app.errors import InvalidInput, TooLarge
from app.registry.bodies import Body
from app.storage.base import Stage, Staged

MAX_FIELD_BYTES = 16 * 1024 * 1024
"""Of all fields together: metadata may hold a long description."""

_MOST_PARTS = 10_000
_PIECE_BYTES = 256 * 1024
_MOST_WAITING_BYTES = 2 * _PIECE_BYTES


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
    content_type: str, body: Body, shape: FormShape, stage: Callable[[], Stage]
) -> UploadForm:
    """Read a form.

    Args:
        content_type: the request's.
        body: is read to its end.
        shape: what is wanted of it.
        stage: begins to take in the file.

    Raises:
        InvalidInput: it is no such form, or it ends too early.
        TooLarge: the fields, or the file, are larger than their limits.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise InvalidInput("Send the upload as multipart/form-data.")
    reading = _Reading(shape, stage)
    try:
        reading.read(_decoder(boundary), body)
        return reading.result()
    except RequestEntityTooLarge as error:
        raise InvalidInput(
            f"The form has more than {_MOST_PARTS} parts, or headers of one that do not end."
        ) from error
    except (ValueError, UnicodeError) as error:
        raise InvalidInput(f"The form cannot be read: {error}.") from error
    finally:
        reading.close()


def _decoder(boundary: str) -> MultipartDecoder:
    # What has not been understood yet waits in memory: no more than the headers of a part.
    return MultipartDecoder(
        boundary.encode(), max_form_memory_size=_MOST_WAITING_BYTES, max_parts=_MOST_PARTS
    )


@dataclass
class _Reading:
    """A form that is being read."""

    shape: FormShape
    stage: Callable[[], Stage]
    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    staging: Stage | None = None
    staged: Staged | None = None
    is_taken: bool = False
    field_bytes: int = 0
    part: str = ""
    is_content: bool = False
    text: bytearray = field(default_factory=bytearray)

    def read(self, decoder: MultipartDecoder, body: Body) -> None:
        while True:
            piece = body.read(_PIECE_BYTES)
            decoder.receive_data(piece or None)
            while not isinstance(event := decoder.next_event(), NeedData):
                if isinstance(event, Epilogue):
                    return
                self._take(event)

    def result(self) -> UploadForm:
        """Return what was read."""
        if self.staged is None:
            raise InvalidInput(f"The form has no file: send it as '{self.shape.file}'.")
        self.is_taken = True
        return UploadForm(fields=self.fields, filename=self.filename, content=self.staged)

    def close(self) -> None:
        """Forget a file that nobody has taken."""
        if self.staging is not None:
            self.staging.discard()
        if self.staged is not None and not self.is_taken:
            self.staged.discard()

    def _take(self, event: Event) -> None:
        match event:
            case File():
                self._begin_file(event)
            case Field():
                self.part, self.is_content, self.text = event.name, False, bytearray()
                if event.name == self.shape.file:
                    raise InvalidInput(f"The file in '{self.shape.file}' has no filename.")
            case Data():
                if self.is_content:
                    self._take_content(event)
                else:
                    self._take_text(event)

    def _begin_file(self, event: File) -> None:
        if event.name in self.shape.fields:
            raise InvalidInput(f"The field {event.name!r} was sent as a file.")
        self.part, self.is_content = "", event.name == self.shape.file
        if not self.is_content:
            return  # A detached signature, which nobody reads any more.
        if self.staging is not None:
            raise InvalidInput("The form has more than one file: upload them one by one.")
        self.filename = event.filename
        self.staging = self.stage()

    def _take_content(self, event: Data) -> None:
        if self.staging is None:
            return
        self.staging.write(event.data)
        if not event.more_data:
            self.staged = self.staging.finish()

    def _take_text(self, event: Data) -> None:
        self.field_bytes += len(event.data)
        if self.field_bytes > MAX_FIELD_BYTES:
            raise TooLarge("The form without its file", MAX_FIELD_BYTES)
        if self.part not in self.shape.fields:
            return
        self.text += event.data
        if event.more_data:
            return
        if self.part in self.fields:
            raise InvalidInput(f"The field {self.part!r} was sent more than once.")
        self.fields[self.part] = self.text.decode()
