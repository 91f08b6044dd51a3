"""The client's pages and files, and pictures of the catalog."""

import re
from pathlib import Path

from aiohttp import hdrs, web

from dealcast.core.errors import NotFound
from dealcast.web.origins import HOST
from dealcast.web.problems import Handler
from dealcast.web.proxies import Proxies, Seen

PAGES = {"/": "index.html", "/s/{show}": "index.html", "/host": "host.html",
         "/moderator": "moderator.html"}  # fmt: skip
FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
PICTURE = re.compile(
    r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/){0,4}"
    r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}\.(?:jpe?g|png|webp|avif|gif|svg)"
)
POLICY = "Content-Security-Policy"
IMMUTABLE = "public, max-age=31536000, immutable"
NOT_BUILT = (
    "The pages are not built. Run ./scripts/serve, which builds them, "
    "or `npm ci && npm run build` in client_demo.\n"
)
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class Pages:
    """Serves the built client from one folder and pictures from another."""

    def __init__(
        self,
        *,
        dist: Path,
        pictures: Path | None,
        frame_ancestors: tuple[str, ...],
        proxies: Proxies | None = None,
    ) -> None:
        self._dist = dist
        self._proxies = proxies or Proxies()
        self._pictures = pictures
        self._ancestors = " ".join(("'self'", *frame_ancestors))

    def serve(self, app: web.Application) -> None:
        """Give everything its address."""
        for path, name in PAGES.items():
            app.router.add_get(path, self._page(name))
        app.router.add_get("/assets/{name}", self.asset)
        app.router.add_get("/catalog/{path:.+}", self.picture)
        app.router.add_get("/{name}", self.file)

    def _page(self, name: str) -> Handler:
        path = self._dist / name

        async def answer(request: web.Request) -> web.StreamResponse:
            if not path.is_file():
                return web.Response(status=503, text=NOT_BUILT)
            policy = self.policy(self._proxies.seen(request))
            headers = {hdrs.CACHE_CONTROL: "no-cache", POLICY: policy}
            return web.FileResponse(path, headers=headers)

        return answer

    def policy(self, seen: Seen) -> str:
        """Return what the pages that are asked for here may load and do."""
        # Behind a proxy that nobody trusts we may take the scheme for another.
        schemes = ("wss",) if seen.scheme == "https" else ("ws", "wss")
        named = HOST.fullmatch(seen.host)
        sockets = " ".join(f"{s}://{seen.host}" for s in schemes) if named else ""
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "style-src-attr 'unsafe-inline'",
                "img-src 'self' https: http:",
                "font-src 'self'",
                "media-src 'self' blob:",
                "manifest-src 'self'",
                f"connect-src 'self' {sockets}".strip(),
                "base-uri 'none'",
                "form-action 'self'",
                f"frame-ancestors {self._ancestors}",
            )
        )

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file whose name changes with its content."""
        path = inside(self._dist / "assets", request.match_info["name"], FILE)
        return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: IMMUTABLE})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file at the top of the client, such as its icon."""
        path = inside(self._dist, request.match_info["name"], FILE)
        if path.suffix == ".html":
            raise NotFound
        return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: "max-age=3600"})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """Answer with a picture of the catalog."""
        if self._pictures is None:
            raise NotFound
        path = inside(self._pictures, request.match_info["path"], PICTURE)
        return web.FileResponse(
            path,
            headers={
                hdrs.CACHE_CONTROL: "public, max-age=86400",
                POLICY: PICTURE_POLICY,
            },
        )


def inside(folder: Path, name: str, form: re.Pattern[str]) -> Path:
    """
    Return the file ``name`` in ``folder``.

    Raises:
        NotFound: If there is none, or the name leads elsewhere.
    """
    if not form.fullmatch(name):
        raise NotFound
    path = folder / name
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        raise NotFound
    return path
