"""The socket's namespaces as an AsyncAPI 3.0 document, made from acts and events."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dealcast.core.errors import Refused
from dealcast.core.events import LIVE_EVENTS, ME_EVENTS, STAFF_EVENTS, Event, State
from dealcast.core.wire import Act

REF = "#/components/schemas/{name}"
EVENTS: dict[str, Mapping[str, type[Event]]] = {
    "/live": LIVE_EVENTS,
    "/me": ME_EVENTS,
    "/staff": STAFF_EVENTS,
}
CURSOR = {"type": "string", "pattern": r"^[0-9]{1,10}\.[0-9]{1,15}$"}
ABOUT = {
    "/live": "What everybody may see of a show. A token is needed to take part.",
    "/me": "One's own holds, payments and orders. A token is needed.",
    "/staff": "For staff of the show.",
}
HELLO = {
    "type": "object",
    "required": ["show"],
    "properties": {
        "token": {"type": "string"},
        "show": {"type": "string", "description": "An id or a slug."},
        "cursor": {**CURSOR, "description": "Of the last event that was seen."},
    },
}


def document(acts: Sequence[Act[Any]], *, title: str, version: str) -> dict[str, Any]:
    """Return the document; the same acts and events give the same one."""
    asked = [act for act in acts if act.socket is not None]
    kinds: list[Any] = [State]
    kinds += [kind for table in EVENTS.values() for kind in table.values()]
    for act in asked:
        kinds += [act.request, act.answer]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    shapes = dict(zip(map(id, kinds), schemas, strict=True))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for namespace, events in EVENTS.items():
        name = namespace[1:]
        messages = {
            event: sent(event, shapes[id(kind)], cursor=True)
            for event, kind in events.items()
        }
        if namespace == "/live":
            messages["state"] = sent("state", shapes[id(State)], cursor=False)
        heard = {f"{name}_{event}": message for event, message in messages.items()}
        operations[f"send_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{m}"} for m in heard],
        }
        for act in (act for act in asked if act.socket == namespace):
            label = f"{name}_{act.name}"
            heard[f"{label}_asked"] = {
                "name": act.name,
                "summary": (act.request.__doc__ or "").strip(),
                "payload": shapes[id(act.request)],
            }
            heard[f"{label}_answered"] = acknowledged(shapes[id(act.answer)])
            operations[label] = asking(name, label)
        channels[name] = {
            "address": namespace,
            "description": ABOUT[namespace],
            "messages": heard,
            "bindings": {"ws": {"query": HELLO}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Socket.IO 5 at /socket.io/, transport websocket alone; "
            "CONNECT of a namespace carries the fields of its binding as auth.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components},
    }


def sent(event: str, shape: Any, *, cursor: bool) -> dict[str, Any]:
    """Describe an event: its payload, and the cursor as last argument."""
    items = [shape, CURSOR] if cursor else [shape]
    return {
        "name": event,
        "payload": {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        },
    }


def asking(name: str, label: str) -> dict[str, Any]:
    """Describe what a client asks, and the ack."""
    channel = {"$ref": f"#/channels/{name}"}

    def message(part: str) -> list[dict[str, str]]:
        return [{"$ref": f"#/channels/{name}/messages/{label}_{part}"}]

    return {
        "action": "receive",
        "channel": channel,
        "messages": message("asked"),
        "reply": {"channel": channel, "messages": message("answered")},
    }


def acknowledged(shape: Any) -> dict[str, Any]:
    """Describe an ack: the answer's fields, or why not."""
    good = {"properties": {"ok": {"const": True}}, "required": ["ok"]}
    bad = {
        "type": "object",
        "properties": {
            "ok": {"const": False},
            "code": {"enum": list(Refused.table)},
            "retryable": {"type": "boolean"},
            "detail": {"type": "string"},
        },
        "required": ["ok", "code", "retryable", "detail"],
    }
    return {"name": "ack", "payload": {"oneOf": [{"allOf": [shape, good]}, bad]}}
