"""The HTTP API as an OpenAPI 3.1 document, made from the acts."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from dealcast.core.errors import Refused
from dealcast.core.wire import Act
from dealcast.web.api import ROOT, in_query, takes_csv

REF = "#/components/schemas/{name}"
IN_PATH = re.compile(r"\{(\w+)\}")

# What any call may be refused for, before or besides what it is about.
ALWAYS = {
    "origin_refused", "token_invalid", "token_expired", "rate_limited", "invalid",
    "too_large", "not_found", "method_not_allowed", "recovering", "unavailable",
    "internal",
}  # fmt: skip
SIGNED = {"token_missing", "forbidden"}


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    retryable: bool
    detail: str


def document(acts: Sequence[Act[Any]], *, title: str, version: str) -> dict[str, Any]:
    """Return the document; the same acts give the same one."""
    served = [act for act in acts if act.http is not None]
    kinds: list[Any] = [Problem]
    for act in served:
        kinds += [act.request, act.answer]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    asked: set[str] = set()
    for act, ask, answer in zip(served, schemas[1::2], schemas[2::2], strict=True):
        assert act.http is not None
        method, path = act.http.split(" ")
        name = ask["$ref"].rpartition("/")[2]
        asked.add(name)
        described = operation(act, components[name], answer)
        paths.setdefault(path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": ROOT}],
        "paths": paths,
        "components": {
            "schemas": {k: v for k, v in components.items() if k not in asked},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def operation(act: Act[Any], request: Any, answer: Any) -> dict[str, Any]:
    """Describe one act."""
    assert act.http is not None
    named = IN_PATH.findall(act.http)
    fields = dict(request["properties"])
    required = set(request.get("required", ()))
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": fields.pop(name)}
        for name in named
    ]
    if "key" in fields:
        parameters.append(
            {"name": "Idempotency-Key", "in": "header",
             "required": "key" in required, "schema": fields.pop("key")}
        )  # fmt: skip
    described: dict[str, Any] = {
        "operationId": act.name,
        "summary": act.name.replace("_", " ").capitalize(),
        "security": [{"token": []}] if act.roles else [{}],
        "responses": responses(act, answer),
    }
    about = [(act.request.__doc__ or "").strip()]
    if act.roles:
        about.append(f"For: {', '.join(act.roles)}.")
    described["description"] = "\n\n".join(about)
    if takes_csv(act):
        fields.pop("csv")
        described["requestBody"] = {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    if in_query(act):
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in fields.items()
        ]
    elif fields:
        described["requestBody"] = json_body(fields, required)
    if parameters:
        described["parameters"] = parameters
    return described


def json_body(fields: dict[str, Any], required: Iterable[str]) -> dict[str, Any]:
    """Describe a body that is an object of ``fields`` and no others."""
    needed = [name for name in fields if name in required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": fields,
        "additionalProperties": False,
    }
    if needed:
        schema["required"] = needed
    content = {"application/json": {"schema": schema}}
    return {"required": bool(needed), "content": content}


def responses(act: Act[Any], answer: Any) -> dict[str, Any]:
    """Describe the answer, and every refusal by its status and codes."""
    told: dict[str, Any] = {
        str(act.status): {
            "description": "Done.",
            "content": {"application/json": {"schema": answer}},
        }
    }
    by_status: dict[int, list[type[Refused]]] = {}
    for kind in refusals(act):
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        codes = [kind.code for kind in kinds]
        schema = {
            "allOf": [
                {"$ref": REF.format(name="Problem")},
                {"properties": {"code": {"enum": codes}}},
            ]
        }
        told[str(status)] = {
            "description": " ".join(f"{kind.code}: {kind().title}" for kind in kinds),
            "content": {"application/problem+json": {"schema": schema}},
        }
    return told


def refusals(act: Act[Any]) -> list[type[Refused]]:
    """Return what ``act`` may be refused for, in the order of precedence."""
    assert act.http is not None
    reads = act.http.startswith("GET ")
    return [
        kind
        for code, kind in Refused.table.items()
        if code in ALWAYS
        or (code in SIGNED and act.roles)
        or (code not in SIGNED and not reads)
    ]
