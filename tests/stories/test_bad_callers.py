"""Who may not: wrong tokens, foreign pages, and roles that an act is not for."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import pytest

from dealcast.core.wire import ANY, Act
from tests.support.server import Node
from tests.support.shopper import SECRET, Json, Shop
from tests.support.stage import (
    ACTS,
    HTTP_ACTS,
    RESERVED,
    ROLES,
    Scene,
    name_of,
    photograph,
)

NOW_S = int(time.time())
GOOD: Json = {"sub": "eve", "name": "Eve", "role": "host", "show": "*",
              "aud": "dealcast", "exp": NOW_S + 3600}  # fmt: skip
OTHER_SECRET = "a secret of somebody else, who is no shop"


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Sign what is no good token; a claim that is None is left out."""
    told = {name: claim for name, claim in {**GOOD, **claims}.items() if claim}
    return jwt.encode(told, secret, algorithm=algorithm)


def unsigned(algorithm: str) -> str:
    """Return a token without a signature."""
    _, body, _ = jwt.encode(GOOD, SECRET, algorithm="HS256").split(".")
    header = json.dumps({"typ": "JWT", "alg": algorithm}).encode()
    return f"{urlsafe_b64encode(header).decode().rstrip('=')}.{body}."


BAD_TOKENS = {
    "no-token": "x",
    "three-dots": "a.b.c",
    "foreign": signed(OTHER_SECRET),
    "another-algorithm": signed(algorithm="HS512"),
    "none": unsigned("none"),
    "cut": signed()[:-2],
    "no-signature": unsigned("HS256"),
    "another-audience": signed(aud="another-shop"),
    "no-audience": signed(aud=None),
    "no-subject": signed(sub=None),
    "no-end": signed(exp=None),
    "endless": signed(exp=2**60),
    "unknown-role": signed(role="owner"),
    "role-is-a-list": signed(role=["host"]),
    "staff-of-no-show": signed(show=None),
    "strange-show": signed(show="../*"),
    "own-key": jwt.encode(GOOD, OTHER_SECRET, headers={"jku": "http://127.0.0.1/"}),
    "critical": jwt.encode(GOOD, SECRET, headers={"crit": ["exp"]}),
    "too-long": signed(name="x" * 5000),
    "latin": "é.é.é",
}  # fmt: skip
EXPIRED = {"expired": signed(exp=NOW_S - 60), "long-ago": signed(exp=1)}
CASES = [
    *((token, "token_invalid") for token in BAD_TOKENS.values()),
    *((token, "token_expired") for token in EXPIRED.values()),
]


@pytest.mark.parametrize(("token", "code"), CASES, ids=[*BAD_TOKENS, *EXPIRED])
async def test_a_bad_token(shop: Shop, scene: Scene, token: str, code: str) -> None:
    stage, _ = scene
    asked = {"title": "Eve's", "currency": "CNY"}
    assert await shop.code("POST", "/shows", asked, token=token) == code
    path = f"/shows/{stage.show}"
    assert await shop.code("GET", path, token=token) == code
    # A token that is too long to be one is malformed already.
    refused = {code, "invalid"} if len(token) > 4096 else {code}
    for namespace in ("/live", "/me", "/staff"):
        assert await shop.kept_out(stage.show, namespace, token=token) in refused
    watcher = await shop.join(stage.show)
    answer = await watcher.ask("auth", {"token": token})
    assert answer["code"] in refused
    # Who was let in before watches on.
    assert (await watcher.ask("clock", {}))["ok"] is True


@pytest.mark.parametrize("given", ["", "Basic eA==", "Bearer", "Bearer ", "bearer a b"])
async def test_a_header_that_carries_no_token(shop: Shop, given: str) -> None:
    headers = {"Authorization": given}
    assert await shop.code("GET", "/shows", headers=headers) == "token_invalid"


# Whose pages.


def foreign_origins(shop: Shop) -> list[str]:
    """
    Return origins that are not this server's.

    ``https`` at its very address would be: a proxy may stand before it.
    """
    place = shop.url.removeprefix("http://")
    return [
        "https://evil.test", "null", f"http://{place}.evil.test", "http://127.0.0.1:1",
        "http://127.0.0.1", f"http://evil.test#{place}", "",
        f"http://{place}@evil.test", f"ftp://{place}",
    ]  # fmt: skip


async def test_a_foreign_page_is_refused_everywhere(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    asked = {"title": "Eve's", "currency": "CNY"}
    socket = f"{shop.url}/socket.io/?EIO=4&transport=websocket"
    for origin in foreign_origins(shop):
        headers = {"Origin": origin}
        for method, path, body in (
            ("POST", "/shows", asked),
            ("GET", f"/shows/{stage.show}", None),
            ("OPTIONS", "/shows", None),
        ):
            answer = await shop.ask(
                method, path, body, token=shop.host, headers=headers
            )
            assert answer.code() == "origin_refused", (method, origin)
            assert "Access-Control-Allow-Origin" not in answer.headers
        async with shop.http.get(socket, headers=headers) as refused:
            assert (refused.status, (await refused.json())["code"]) == (
                403, "origin_refused",
            )  # fmt: skip


async def test_a_page_that_hides_its_origin_is_refused(shop: Shop) -> None:
    asked = {"title": "Eve's", "currency": "CNY"}
    socket = f"{shop.url}/socket.io/?EIO=4&transport=websocket"
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade",
               "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    for hidden in (
        {"Cookie": "a=b"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin"},
        {"sec-fetch-mode": "cors"},
    ):
        code = await shop.code("POST", "/shows", asked, token=shop.host, headers=hidden)
        assert code == "origin_refused"
        assert (await shop.ask("GET", "/shows", headers=hidden)).status == 200
        async with shop.http.get(socket, headers={**upgrade, **hidden}) as refused:
            assert refused.status == 403


async def test_the_servers_own_pages_and_plain_programs_are_let_in(
    shop: Shop, scene: Scene
) -> None:
    stage, _ = scene
    for headers in ({"Origin": shop.url, "Sec-Fetch-Site": "same-origin"}, {}):
        watcher = await shop.join(stage.show, headers=headers)
        assert watcher.events("/live", "sync")
        bad = await shop.ask("POST", "/shows", {}, token=shop.host, headers=headers)
        assert bad.code() == "invalid"


# Whose act.


WRONG_ROLES = [
    (act, role) for act in RESERVED for role in ROLES if role not in act.roles
]
SIGNED = [act for act in ACTS if act.roles]


def test_there_are_acts_of_every_kind() -> None:
    assert len(WRONG_ROLES) > 30
    assert {act.name for act in SIGNED} >= {"hold", "checkout", "mute", "deal_close"}


@pytest.mark.parametrize(("act", "role"), WRONG_ROLES, ids=name_of)
async def test_an_act_is_not_for_this_role(
    shop: Shop, scene: Scene, act: Act[Any], role: str
) -> None:
    stage, _ = scene
    fields = stage.fields(act)
    token = shop.token(role, name="Eve")
    if act.http:
        method, path, more = stage.call(act, fields)
        assert await shop.code(method, path, token=token, **more) == "forbidden"
    if act.socket == "/staff":
        told = {name: value for name, value in fields.items() if name != "show"}
        if role == "viewer":
            code = await shop.kept_out(stage.show, "/staff", token=token)
            assert code == "forbidden"
            live = await shop.join(stage.show, token=token)
            assert (await live.ask(act.name, told))["code"] == "not_found"
        else:
            staff = await shop.join(stage.show, "/staff", token=token)
            answer = await staff.ask(act.name, told, "/staff")
            assert answer["code"] == "forbidden"


@pytest.mark.parametrize("act", SIGNED, ids=name_of)
async def test_an_act_is_not_for_strangers(
    shop: Shop, scene: Scene, act: Act[Any]
) -> None:
    stage, _ = scene
    fields = stage.fields(act)
    if act.http:
        method, path, more = stage.call(act, fields)
        assert await shop.code(method, path, **more) == "token_missing"
    if act.socket == "/live" and act.roles == ANY:
        told = {name: value for name, value in fields.items() if name != "show"}
        watcher = await shop.join(stage.show)
        assert (await watcher.ask(act.name, told))["code"] == "token_missing"
    elif act.socket == "/staff":
        assert await shop.kept_out(stage.show, "/staff") == "token_missing"


CATALOG = (
    "product_create",
    "product_put",
    "product_import",
)  # The shop's, not a show's.
ELSEWHERE = [
    (act, role)
    for act in RESERVED
    for role in act.roles
    if act.name != "product_list" and (act.name not in CATALOG or role != "shop")
]


@pytest.mark.parametrize(("act", "role"), ELSEWHERE, ids=name_of)
async def test_a_role_of_another_show_counts_for_nothing(
    shop: Shop, scene: Scene, act: Act[Any], role: str
) -> None:
    stage, _ = scene
    fields = stage.fields(act)
    token = shop.token(role, name="Eve", show=stage.other)
    if act.http:
        method, path, more = stage.call(act, fields)
        assert await shop.code(method, path, token=token, **more) == "forbidden"
    if act.socket == "/staff":
        assert await shop.kept_out(stage.show, "/staff", token=token) == "forbidden"
        there = await shop.join(stage.other, "/staff", token=token)
        answer = await there.ask(act.name, fields, "/staff")
        assert answer["code"] == "forbidden"


async def test_what_is_anothers_is_not_there(shop: Shop, scene: Scene) -> None:
    stage, _ = scene
    eve = shop.token(name="Eve")
    watcher = await shop.join(stage.show, token=eve)
    for method in ("GET", "DELETE"):
        code = await shop.code(method, f"/holds/{stage.hold}", token=eve)
        assert code == "not_found"
    asked = {"hold": stage.hold}
    assert (await watcher.ask("release", asked))["code"] == "not_found"
    code = await shop.code(
        "POST", "/checkout", {"holds": [stage.hold]}, token=eve, key="k"
    )
    assert code == "not_found"
    bag = await shop.done("GET", f"/shows/{stage.show}/bag", token=eve)
    assert bag["holds"] == []
    # Nobody may buy with a viewer's token of another show.
    away = shop.token(name="Eve", show=stage.other)
    path = f"/deals/{stage.deal}/holds"
    assert await shop.code("POST", path, {}, token=away, key="k") == "forbidden"


async def test_a_shop_that_signs_in_by_itself_has_no_demo(shop: Shop) -> None:
    assert await shop.code("POST", "/demo/accounts", {}) == "not_found"
    assert await shop.code("POST", "/staff/sign-in", {"code": "x"}) == "token_invalid"
    assert await shop.code("POST", "/tokens/renew", token=shop.host) == "forbidden"


def test_every_act_has_an_example(scene: Scene) -> None:
    stage, _ = scene
    for act in {act.name: act for act in [*ACTS, *HTTP_ACTS]}.values():
        fields = stage.fields(act)
        asked = act.parse(fields | {"csv": b""} if "csv" in fields else fields)
        assert isinstance(asked, act.request)


async def test_after_all_of_it_nothing_has_changed(
    shop: Shop, shop_node: Node, scene: Scene
) -> None:
    stage, before = scene
    assert await photograph(shop, stage) == before
    assert shop_node.faults() == []
