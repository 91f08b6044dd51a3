"""What the server says of itself: its documents, its health, its metrics."""

import asyncio
import json
import re
import time
from contextlib import suppress
from random import Random
from typing import Any, ClassVar
from urllib.request import urlopen

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31

from dealcast.core.errors import Refused
from dealcast.core.events import LIVE_EVENTS, ME_EVENTS, STAFF_EVENTS
from tests.support.server import Node
from tests.support.shopper import API, Json, Shop, sign
from tests.support.stage import ACTS, HTTP_ACTS, Scene, Stage

EXAMPLES = 4  # Of each act.
WORKERS = ("worker-0", "worker-1")


async def document(shop: Shop, name: str) -> Json:
    """Return a document as it is served."""
    return dict(await shop.done("GET", f"/{name}.json"))


# HTTP.


async def test_openapi_is_valid_and_complete(shop: Shop) -> None:
    openapi = await document(shop, "openapi")
    jsonschema_rs.validator_for(OPENAPI_31).validate(openapi)
    assert openapi["openapi"] == "3.1.0"
    assert openapi["servers"] == [{"url": API}]
    described = {
        (method.upper(), path): operation
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    }
    served = {tuple((act.http or "").split(" ")): act for act in HTTP_ACTS}
    assert described.keys() == served.keys()
    for where, operation in described.items():
        act = served[where]
        assert operation["operationId"] == act.name
        assert str(act.status) in operation["responses"]
        assert operation["summary"]
        assert operation["security"] == ([{"token": []}] if act.roles else [{}])
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(openapi)))
    for reference in references:
        found: Any = openapi
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


async def test_what_is_described_is_served(shop: Shop) -> None:
    """No other method is let in, and none that is described is kept out."""
    paths = (await document(shop, "openapi"))["paths"]
    forms = {re.sub(r"\{\w+\}", "[^/]+", path): ways for path, ways in paths.items()}
    for path in paths:
        where = re.sub(r"\{\w+\}", "x", path)
        ways = {
            way for form, ways in forms.items() if re.fullmatch(form, where)
            for way in ways
        }  # fmt: skip
        for method in ("get", "post", "put", "delete", "patch"):
            answer = await shop.ask(method.upper(), where, token=shop.token())
            assert (answer.status == 405) is (method not in ways), (method, path)
            if answer.status == 405:
                allowed = {one.strip() for one in answer.headers["Allow"].split(",")}
                assert allowed - {"HEAD"} == {way.upper() for way in ways}


class Machine:
    """Asks what was made up, as whoever may, and holds the answer to the document."""

    checks: ClassVar[list[Any]] = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]

    def __init__(self, url: str, stage: Stage) -> None:
        self.url = url
        self.known = {"show": stage.planned, "deal": stage.listing, "hold": stage.hold}
        self.seen: dict[str, set[int]] = {}
        self.odd = Random(7)

    def attempt(self, case: Any) -> None:
        """Ask one thing; two times in three of what is there."""
        act = case.operation.definition.raw["operationId"]
        if self.odd.randrange(3):
            for name in self.known.keys() & case.path_parameters.keys():
                case.path_parameters[name] = self.known[name]
        roles = next(one.roles for one in HTTP_ACTS if one.name == act)
        token = sign(roles[-1] if roles else "viewer", name="Machine")
        headers = {"Authorization": f"Bearer {token}"}
        response = case.call(base_url=self.url, headers=headers)
        case.validate_response(response, checks=self.checks)
        self.seen.setdefault(act, set()).add(response.status_code)

    def example(self, operation: Any, stage: Stage) -> None:
        """Ask what is good, so that there is an answer to look at."""
        name = operation.definition.raw["operationId"]
        act = next(one for one in HTTP_ACTS if one.name == name)
        fields = stage.fields(act)
        _, _, more = stage.call(act, fields)
        csv = "csv" in fields
        case = operation.Case(
            path_parameters={
                k: v for k, v in fields.items() if f"{{{k}}}" in (act.http or "")
            },
            headers={"Idempotency-Key": more["key"]} if "key" in more else {},
            body=fields["csv"] if csv else more.get("body") or NOT_SET,
            media_type="text/csv" if csv else "application/json",
        )
        self.attempt(case)

    def try_all(self, operation: Any, mode: GenerationMode) -> None:
        """Try some examples of one act, all good or all bad."""
        limits: Any = settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        cases = operation.as_strategy(generation_mode=mode)
        wrap: Any = given(cases)
        limits(wrap(self.attempt))()


@pytest.mark.timeout(150)  # Several times what it takes on an idle machine.
def test_answers_are_as_openapi_says(shop_node: Node, scene: Scene) -> None:
    """Requests that a machine made up, good ones and bad ones, of every act."""
    stage, _ = scene
    with urlopen(f"{shop_node.url}{API}/openapi.json") as answer:
        schema = schemathesis.openapi.from_dict(json.load(answer))
    machine = Machine(f"{shop_node.url}{API}", stage)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # The check that it is.
        machine.example(operation, stage)
        machine.try_all(operation, GenerationMode.POSITIVE)
        with suppress(Unsatisfiable):  # What takes no parameters has no bad ones.
            machine.try_all(operation, GenerationMode.NEGATIVE)
    assert machine.seen.keys() == {act.name for act in HTTP_ACTS}
    statuses = {status for seen in machine.seen.values() for status in seen}
    assert statuses >= {200, 201, 400, 404}
    assert shop_node.faults() == []


# Sockets.


async def test_asyncapi_lists_every_event_and_act(shop: Shop) -> None:
    asyncapi = await document(shop, "asyncapi")
    assert asyncapi["asyncapi"] == "3.0.0"
    sent = {"/live": {*LIVE_EVENTS, "state"}, "/me": {*ME_EVENTS},
            "/staff": {*STAFF_EVENTS}}  # fmt: skip
    channels = {one["address"]: one for one in asyncapi["channels"].values()}
    assert channels.keys() == sent.keys()
    for namespace, events in sent.items():
        messages = channels[namespace]["messages"]
        label = namespace[1:]
        asked = {act.name for act in ACTS if act.socket == namespace}
        expected = {f"{label}_{event}" for event in events}
        for act in asked:
            expected |= {f"{label}_{act}_asked", f"{label}_{act}_answered"}
            assert f"{label}_{act}" in asyncapi["operations"]
        assert messages.keys() == expected
    codes = set(json.dumps(asyncapi["channels"]).split('"')) & set(Refused.table)
    assert codes == set(Refused.table)
    pointers = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(asyncapi)))
    for pointer in pointers:
        found: Any = asyncapi
        for part in pointer.removeprefix("#/").split("/"):
            found = found[part]


async def test_events_are_as_asyncapi_says(shop: Shop) -> None:
    asyncapi = await document(shop, "asyncapi")
    show, deal = await shop.on_sale(2)
    token = shop.token()
    mei = await shop.join(show, "/live", "/me", token=token)
    host = await shop.join(show, "/live", "/staff", token=shop.host)
    line = await mei.ask("chat", {"text": "hello", "key": "k"})
    await mei.hears("chat")  # Else it may be erased before it is sent.
    held = await mei.ask("hold", {"deal": deal, "key": "k"})
    await shop.choose(await shop.check_out(token, held["hold"]), "pay")
    gone = {"lines": [line["id"]]}
    assert (await host.ask("lines_delete", gone, "/staff"))["ok"] is True
    await shop.done("POST", f"/deals/{deal}/close", token=shop.host)
    await shop.done("POST", f"/shows/{show}/end", token=shop.host)
    for event in ("chat", "order", "deleted", "deal", "notice", "state"):
        await mei.hears(event)
    await host.hears("order", namespace="/staff")
    back = await shop.join(show, cursor=mei.cursors("/live")[0])
    await back.hears("notice")
    checked = set()
    for watcher in (mei, host, back):
        for namespace, event, data, cursor in watcher.told:
            name = namespace[1:]
            message = asyncapi["channels"][name]["messages"][f"{name}_{event}"]
            schema = {**message["payload"], "components": asyncapi["components"]}
            told = [data] if cursor is None else [data, cursor]
            jsonschema_rs.validator_for(schema).validate(told)
            checked.add(f"{name}_{event}")
    assert checked >= {
        "live_sync", "live_chat", "live_deal", "live_order", "live_notice",
        "live_deleted", "live_erased", "live_state", "me_sync", "me_payment",
        "me_order", "staff_sync", "staff_audit", "staff_order",
    }  # fmt: skip


# Health.


@pytest.mark.parametrize("name", ["healthz", "readyz"])
async def test_a_node_says_that_it_is_well(shop: Shop, name: str) -> None:
    async with shop.http.get(f"{shop.url}/{name}") as answer:
        assert answer.status == 200
        told = await answer.json()
    if name == "healthz":
        assert told["alive"] is True
        assert abs(told["now"] - time.time() * 1000) < 2_000
    else:
        assert told["ready"] is True
        assert {"redis", "sql", "hub", "clerk.gate", "clerk.loops"} <= told[
            "parts"
        ].keys()
        assert not any(told["parts"].values())


async def test_metrics_are_those_of_every_process(shop: Shop) -> None:
    show, deal = await shop.on_sale(5)
    await shop.on_each_worker(show, "/live", "/me", token=shop.token())
    watcher = await shop.join(show, token=shop.token())
    assert (await watcher.ask("hold", {"deal": deal, "key": "k"}))["ok"] is True
    await asyncio.sleep(0.2)
    async with shop.http.get(f"{shop.url}/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        text = await answer.text()
    series = set(re.findall(r'^(\w+)\{.*process="([\w-]+)"', text, re.MULTILINE))
    for name in (
        "dealcast_hub_connections",
        "dealcast_hub_followers",
        "dealcast_hub_joins_total",
        "dealcast_hub_entries_total",
        "dealcast_hub_writes_total",
        "dealcast_hub_pass_seconds_bucket",
        "dealcast_hub_store_age_seconds",
    ):
        assert {(name, worker) for worker in WORKERS} <= series, name
    names = {name for name, _ in series}
    assert {
        "dealcast_hub_act_seconds_count",
        "dealcast_http_act_seconds_count",
    } <= names
    for name in (
        "dealcast_ledger_lag_facts",
        "dealcast_archive_lag_entries",
        "dealcast_archive_lost_entries_total",
    ):
        assert (name, "clerk") in series
    held = (
        r'dealcast_hub_act_seconds_count\{act="hold",code="ok",process="worker-\d"\} '
    )
    assert re.search(held + r"[1-9]", text)
