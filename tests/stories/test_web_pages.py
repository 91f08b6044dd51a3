"""Health, pages, pictures and documents of a real web server."""

from aiohttp import ClientSession

from tests.support.site import Site, code_of


async def test_health_says_what_is_missing(site: Site, http: ClientSession) -> None:
    async with http.get("/healthz") as answer:
        assert (await answer.json())["alive"] is True
    async with http.get("/readyz") as answer:
        assert answer.status == 200
    site.parts["gate"] = "closed"
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        told = await answer.json()
        assert told["detail"] == "gate: closed"
        assert told["parts"] == {"redis": None, "gate": "closed"}
    async with http.get("/metrics") as answer:
        assert await answer.text() == "up 1\n"


async def test_pages_are_served_when_they_are_built(
    site: Site, http: ClientSession
) -> None:
    async with http.get("/host") as answer:
        assert answer.status == 503
        assert "not built" in await answer.text()
    (site.dist / "assets").mkdir(parents=True)
    for name in ("index", "host", "moderator"):
        (site.dist / f"{name}.html").write_text(name)
    (site.dist / "favicon.svg").write_text("<svg/>")
    (site.dist / "assets" / "app-1a2b.js").write_text("1")
    (site.dist.parent / "secret.txt").write_text("secret")
    pages = {"/": "index", "/s/tea-time": "index", "/host": "host",
             "/moderator": "moderator", "/favicon.svg": "<svg/>",
             "/assets/app-1a2b.js": "1"}  # fmt: skip
    for path, text in pages.items():
        async with http.get(path) as answer:
            assert (answer.status, await answer.text()) == (200, text)
    async with http.get("/assets/app-1a2b.js") as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    async with http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        host = site.url.removeprefix("http://")
        assert f"connect-src 'self' ws://{host} wss://{host}" in policy
        assert "frame-ancestors 'self' https://shop.example" in policy
        assert "script-src 'self';" in policy
        assert answer.headers["Referrer-Policy"] == "same-origin"
    for path in ("/index.html", "/assets/..%2f..%2fsecret.txt", "/assets/none.js",
                 "/..%2fsecret.txt", "/.hidden", "/assets"):  # fmt: skip
        assert await code_of(http, "GET", path) == "not_found"


async def test_pictures_cannot_lead_elsewhere(site: Site, http: ClientSession) -> None:
    (site.pictures / "demo").mkdir(parents=True)
    (site.pictures / "demo" / "tea.svg").write_text("<svg/>")
    (site.pictures / "list.txt").write_text("x")
    (site.pictures.parent / "secret.svg").write_text("secret")
    (site.pictures / "link.svg").symlink_to(site.pictures.parent / "secret.svg")
    async with http.get("/catalog/demo/tea.svg") as answer:
        assert await answer.text() == "<svg/>"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    for path in ("link.svg", "list.txt", "..%2fsecret.svg", "demo/../../secret.svg",
                 "demo%2f..%2f..%2fsecret.svg", "none.png", "demo"):  # fmt: skip
        assert await code_of(http, "GET", f"/catalog/{path}") == "not_found"


async def test_documents_describe_every_act(http: ClientSession) -> None:
    async with http.get("/api/v1/openapi.json") as answer:
        openapi = await answer.json()
    take = openapi["paths"]["/deals/{deal}/takes"]["post"]
    assert [one["name"] for one in take["parameters"]] == ["deal", "Idempotency-Key"]
    body = take["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == ["quantity"]
    assert {"201", "401", "403", "409", "429"} <= take["responses"].keys()
    assert "401" in openapi["paths"]["/pages"]["get"]["responses"]
    async with http.get("/api/v1/asyncapi.json") as answer:
        asyncapi = await answer.json()
    assert set(asyncapi["channels"]) == {"live", "me", "staff"}
    assert "live_page" in asyncapi["operations"]
    live = asyncapi["channels"]["live"]["messages"]
    assert {"live_sync", "live_chat", "live_state", "live_page_asked"} <= live.keys()
    async with http.get("/api/v1/config") as answer:
        assert (await answer.json())["currencies"] == ["CNY"]
