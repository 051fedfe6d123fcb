"""What a request says, as its route's shapes: JSON, a form, a query. What is wrong is said in a sentence of ours."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Mapping
from typing import IO, Any, get_type_hints

import msgspec
from msgspec import Struct
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wrappers import Request

from backend.api.routing import Route
from jobs.documents import validate
from jobs.errors import Busy, InvalidArgument, NotFound

Fields = dict[str, Any]
JSON, FORM = "application/json", "multipart/form-data"
ACTING_FOR = "user_id"  # in the query or body of any call through the HMAC door: read there
_BLOCK_BYTES = 1 << 16
_FORM_FIELD_BYTES = 1 << 20
# A recording in base64 is here three times for a moment (as sent, as text, as bytes), and an instance has 1 GB.
_LARGE = 4 << 20
_places = threading.BoundedSemaphore(4)
_PATIENCE_SECONDS = 10.0


class _Named(Struct):
    user_id: str | None = None


class Upload:
    """A file of a form; `stream` lies on disk when it is large. `size` in bytes. (No dataclass: msgspec would make one
    of any JSON object.)"""

    def __init__(self, filename: str, content_type: str, stream: IO[bytes]) -> None:
        self.filename = filename
        self.content_type = content_type
        self.stream = stream
        self.size = stream.seek(0, 2)
        stream.seek(0)


def arguments(route: Route, request: Request, path: Mapping[str, str]) -> Fields:
    """The arguments of the route's handler. Raises InvalidArgument, NotFound for a path that cannot be one,
    UnsupportedMediaType, RequestEntityTooLarge."""
    found: Fields = {}
    for name, shape in route.parameters.items():
        if name == "body":
            found[name] = validate(_without_user(_json(request), shape), shape)
        elif name == "form":
            found[name] = _form(request, shape)
        elif name == "query":
            found[name] = _query(request, shape)
        else:
            found[name] = _of_path(path[name], shape)
    if "query" not in route.parameters:
        _no_query(request)
    return found


def check_length(route: Route, request: Request) -> None:
    """Before anything is read. A body without a length is counted while it comes."""
    request.max_content_length = route.max_body
    request.max_form_memory_size = _FORM_FIELD_BYTES
    if request.content_length is not None and request.content_length > route.max_body:
        raise RequestEntityTooLarge


@contextlib.contextmanager
def room_for(route: Route, request: Request) -> Iterator[None]:
    """Hold one of the places for large bodies while such a one is here. Raises Busy."""
    length = request.content_length
    if route.max_body <= _LARGE or (length is not None and length <= _LARGE) or request.method in ("GET", "HEAD"):
        yield
        return
    if not _places.acquire(timeout=_PATIENCE_SECONDS):
        raise Busy("Too many large uploads at once. Please try again in a moment.")
    try:
        yield
    finally:
        _places.release()


def user_in_body(request: Request) -> str | None:
    """The `user_id` of a JSON body. What cannot be read is for the route to complain about."""
    if request.mimetype != JSON:
        return None
    try:
        return msgspec.json.decode(request.get_data(), type=_Named).user_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def digest(request: Request) -> bytes:
    """A hash of what the body says. A form is the same form whatever boundary its client draws between the fields."""
    if request.mimetype != FORM:
        return hashlib.sha256(request.get_data()).digest()
    whole = hashlib.sha256()
    for name, text in request.form.items(multi=True):
        whole.update(msgspec.json.encode((name, text)))
    for name, file in request.files.items(multi=True):
        whole.update(msgspec.json.encode((name, file.filename, _digest_of(file.stream))))
    return whole.digest()


def _digest_of(stream: IO[bytes]) -> str:
    found = hashlib.sha256()
    for block in iter(lambda: stream.read(_BLOCK_BYTES), b""):
        found.update(block)
    stream.seek(0)
    return found.hexdigest()


def _json(request: Request) -> Any:
    if request.mimetype != JSON:
        raise UnsupportedMediaType(f"The body must be {JSON}.")
    try:
        return msgspec.json.decode(request.get_data())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidArgument("The body is not valid JSON.") from None


def _without_user(said: Any, shape: type[Struct]) -> Any:
    """Any call may name in its body for whom it is, and the door has read it there; few routes have such a field."""
    if ACTING_FOR in shape.__struct_encode_fields__ or not isinstance(said, dict):
        return said
    return {name: value for name, value in said.items() if name != ACTING_FOR or not isinstance(value, str)}


def _form(request: Request, shape: type[Struct]) -> Struct:
    if request.mimetype != FORM:
        raise UnsupportedMediaType(f"The body must be {FORM}.")
    said: Fields = _once(request.form.lists(), "The form")
    for name, file in request.files.items(multi=True):
        if name in said:
            raise InvalidArgument(f"The form has `{_shown(name)}` twice.")
        said[name] = Upload(file.filename or "", file.mimetype, file.stream)
    return validate(_from_text(said, shape), shape)


def _query(request: Request, shape: type[Struct]) -> Struct:
    said = _once(request.args.lists(), "The query")
    said.pop(ACTING_FOR, None)
    return validate(_from_text(said, shape), shape)


def _no_query(request: Request) -> None:
    said = _once(request.args.lists(), "The query")
    said.pop(ACTING_FOR, None)
    if said:
        raise InvalidArgument(f"There is no query parameter `{_shown(next(iter(said)))}` here.")


def _once(lists: Any, what: str) -> Fields:
    said: Fields = {}
    for name, values in lists:
        if len(values) > 1:
            raise InvalidArgument(f"{what} has `{_shown(name)}` twice.")
        said[name] = values[0]
    return said


def _from_text(said: Fields, shape: type[Struct]) -> Fields:
    """Numbers and booleans come as text; what is none stays one, for validation to say so."""
    hints = get_type_hints(shape, include_extras=True)
    return {name: _value(text, hints.get(name, str)) for name, text in said.items()}


def _value(text: Any, hint: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError:
        return text


def _of_path(text: str, hint: Any) -> Any:
    try:
        return msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError:
        raise NotFound("There is nothing at this path.") from None


def _shown(name: str) -> str:
    return "".join(character if character.isalnum() or character in "_-." else "?" for character in name[:40])
