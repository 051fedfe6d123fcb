"""/openapi.json: OpenAPI 3.1, from the same declarations and shapes that serve and validate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct, structs

from backend.api.answering import Problem
from backend.api.idempotency import HEADER
from backend.api.reading import ACTING_FOR, FORM, JSON, Upload
from backend.api.routing import Content, Door, Route

Fields = dict[str, Any]
VERSION = "1.0.0"
_REF = "#/components/schemas/{name}"
_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
_KEY = {"type": "string", "pattern": "^[A-Za-z0-9_.:+/=-]{1,200}$"}

_ABOUT = """\
Clone a voice from a recording, and have stories read in it.

Work takes time: a call that asks for it answers at once, and `/jobs/{job_id}` (or `?wait=`, server-sent events, or a
`webhook_url`) says how it goes. Every error has a `detail` for people and a `code` for programs. Lists are in pages:
what `next_cursor` holds is the `cursor` of the next one. POST and DELETE take an `X-Idempotency-Key`.
"""
_SECURITY_SCHEMES: Fields = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token from /auth/login.",
    },
    "firebase": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A Firebase ID token; with it goes an App Check token.",
    },
    "app_check": {"type": "apiKey", "in": "header", "name": "X-Firebase-AppCheck"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Daezend-Signature",
        "description": "hex(HMAC-SHA256(secret, method, path with its query, timestamp, body)), joined by newlines.",
    },
    "timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Daezend-Timestamp",
        "description": "Milliseconds since 1970, as it was signed.",
    },
}
_SECURITY: dict[Door, Fields] = {
    Door.JWT: {"token": []},
    Door.FIREBASE: {"firebase": [], "app_check": []},
    Door.HMAC: {"signature": [], "timestamp": []},
}
_PROBLEMS = {
    400: "The request cannot be taken as it is.",
    401: "Nobody is signed in, or not (any more) in a way that counts.",
    403: "This caller may not do this.",
    404: "There is no such thing, or it is not the caller's.",
    409: "It conflicts with what is there, or the same call is being worked on.",
    413: "The body is too large.",
    415: "The body is of another type.",
    429: "Too many requests: again after Retry-After.",
    500: "Something went wrong on our side.",
    503: "Something that is needed does not answer: again after Retry-After.",
}


def document(routes: Sequence[Route]) -> Fields:
    """The whole document. Its one server is wherever it was fetched from."""
    paths: dict[str, Fields] = {}
    for route in routes:
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    _, schemas = msgspec.json.schema_components(_shapes(routes), schema_hook=_hook, ref_template=_REF)
    whole: Fields = {
        "openapi": "3.1.0",
        "info": {"title": "Storyvoice", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": "./"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {f"Problem{status}": _problem(status, says) for status, says in _PROBLEMS.items()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }
    cleaned: Fields = _in_ecma(whole)
    return cleaned


def _operation(route: Route) -> Fields:
    summary, _, rest = (route.handle.__doc__ or "").partition("\n")
    operation: Fields = {
        "operationId": route.handle.__name__,
        "tags": [route.tag],
        "summary": summary.strip(),
        "description": _dedented(rest),
        "parameters": _parameters(route),
        "responses": _responses(route),
        "security": [_SECURITY[door] for door in Door if door in route.doors],
    }
    if body := _body(route):
        operation["requestBody"] = body
    return {name: value for name, value in operation.items() if value or name == "security"}


def _parameters(route: Route) -> list[Fields]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _schema(route.parameters[name])}
        for name in route.path_names
    ]
    if query := route.parameters.get("query"):
        for each in structs.fields(query):
            schema = _schema(each.type)
            if not each.required and each.default not in (msgspec.NODEFAULT, None):
                schema["default"] = each.default
            found.append({"name": each.encode_name, "in": "query", "required": each.required, "schema": schema})
    if Door.HMAC in route.doors:
        says = "For whom an internal service acts."
        found.append({"name": ACTING_FOR, "in": "query", "required": False, "schema": _ID, "description": says})
    if route.doors and route.changes:
        says = "The same key and request again give the same answer again. Internal services must send one."
        found.append({"name": HEADER, "in": "header", "required": False, "schema": _KEY, "description": says})
    return found


def _body(route: Route) -> Fields | None:
    for name, media in (("body", JSON), ("form", FORM)):
        if shape := route.parameters.get(name):
            content: Fields = {"schema": _schema(shape)}
            if route.examples:
                content["examples"] = {
                    _key(title): {"summary": title, "value": v} for title, v in route.examples.items()
                }
            return {"required": True, "content": {media: content}}
    return None


def _responses(route: Route) -> Fields:
    said = {str(status): _answer(content) for status, content in route.answers.items()}
    for status in sorted(statuses(route) - set(route.answers)):
        said[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return said


def statuses(route: Route) -> set[int]:
    """Every status that the route may answer with."""
    found = {*route.answers, 400, 429, 500, 503}
    if route.doors:
        found |= {401, 403, 404}
    if route.path_names:
        found |= {404}
    if route.changes:
        found |= {409}
    if "body" in route.parameters or "form" in route.parameters:
        found |= {413, 415}
    if route.tag == "Accounts":
        found |= {401}
    return found


def _answer(content: Content) -> Fields:
    if content is None:
        return {"description": "Done; there is nothing to say."}
    if isinstance(content, str):
        return {"description": content, "content": {media: {"schema": {}} for media in content.split(", ")}}
    says = _dedented(content.__doc__ or "").partition("\n\n")[0]
    return {"description": says or content.__name__, "content": {JSON: {"schema": _schema(content)}}}


def _problem(status: int, says: str) -> Fields:
    described: Fields = {"description": says, "content": {JSON: {"schema": _schema(Problem)}}}
    if status in (429, 503):
        described["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return described


def _shapes(routes: Sequence[Route]) -> list[type[Struct]]:
    found: dict[type[Struct], None] = {Problem: None}
    for route in routes:
        contents = [*route.answers.values(), *(route.parameters.get(name) for name in ("body", "form"))]
        found.update((each, None) for each in contents if each is not None and not isinstance(each, str))
    return list(found)


@cache
def _schema_of(shape: Any) -> Fields:
    (schema,), _ = msgspec.json.schema_components([shape], schema_hook=_hook, ref_template=_REF)
    return schema


def _schema(shape: Any) -> Fields:
    return dict(_schema_of(shape))


def _hook(shape: type) -> Fields:
    if shape is Upload:
        return {"type": "string", "contentMediaType": "application/octet-stream"}
    raise NotImplementedError(shape)


def _in_ecma(value: Any) -> Any:
    """JSON Schema's patterns are ECMA-262's: `\\A` and `\\Z` have other names there."""
    if isinstance(value, Mapping):
        return {name: _in_ecma(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_ecma(item) for item in value]
    if isinstance(value, str) and value.startswith("\\A"):
        return "^" + value.removeprefix("\\A").removesuffix("\\Z") + "$"
    return value


def _key(title: str) -> str:
    return re.sub(r"\W+", "_", title.lower())


def _dedented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())
