"""The page: one document of the server's with the state in it, which reads without scripts, and the files beside it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stressd import METHOD, __version__
from stressd.web.api import DOORS
from stressd.web.patch import known
from stressd.web.reading import may_read

FOLDER: Final = Path(__file__).parent / "page"
CHARTS: Final = Path(__file__).parent / "charts"
"""The charting library, which a build without npm has not."""
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
SHEETS: Final = (
    "page.css", "glance.css", "charts.css", "episodes.css", "drawer.css", "graph.css", "health.css", "deeds.css",
    "replay.css",
)  # fmt: skip

POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
"""Nothing is loaded from anywhere else, nothing inline runs, and nobody frames it."""

SEVEREST: Final = ("info", "warn", "high", "critical")
REFUSED: Final = ("token", "later")


class File:
    """One of the page's, as it is and as a browser takes it. tag: weak, since both are the same to it."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.small = gzip.compress(self.data, 9, mtime=0)
        self.kind = TYPES[path.suffix]
        self.tag = f'W/"{hashlib.sha256(self.data).hexdigest()[:24]}"'


def add_home(app: web.Application, document: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    """GET / and GET /static/..."""
    files = {
        path.name: File(path)
        for folder in (FOLDER, CHARTS)
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if path.suffix in TYPES
    }

    async def home(request: web.Request) -> web.Response:
        state = known(await document()) if may_read(request) else None
        refused = request.query.get("refused")
        text = await asyncio.to_thread(
            page, state, request.app[DOORS].instance(), refused if refused in REFUSED else None
        )
        return web.Response(text=text, content_type="text/html", headers={**HEADERS, "Cache-Control": "no-store"})

    async def static(request: web.Request) -> web.Response:
        found = files.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404, text="there is no such file\n")
        headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": found.tag, "Vary": "Accept-Encoding"}
        if found.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        body = found.data
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = found.small
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, content_type=found.kind, charset="utf-8", headers=headers)

    app.router.add_get("/", home)
    app.router.add_get("/static/{name}", static)


def page(state: Mapping[str, Any] | None, instance: str, refused: str | None = None) -> str:
    """The whole document. state: of `web.patch.known`, None for whoever may not read. Everything in it is escaped."""
    tenors, rows = _heat(state["series"]) if state is not None else ([], [])
    return _TEMPLATE.render(
        state=state,
        instance=instance,
        refused=refused,
        sheets=SHEETS,
        charts=(CHARTS / "uplot.js").is_file(),
        tenors=tenors,
        rows=rows,
        episodes=_ordered(state["episodes"]) if state is not None else [],
        what=f"stressd {__version__}",
        method=METHOD,
    )


def _heat(series: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[tuple[str, list[Any]]]]:
    """The tenors, shortest first, and by market a cell of each, None where it has none."""
    plain = [each for each in series.values() if not each["spread"] and "years" in each]
    years = {each["tenor"]: each["years"] for each in plain}
    tenors = sorted(years, key=lambda tenor: (years[tenor], tenor))
    markets = dict.fromkeys(each["market"] for each in plain)
    cells = {(each["market"], each["tenor"]): each for each in plain}
    return tenors, [(market, [cells.get((market, tenor)) for tenor in tenors]) for market in markets]


def _ordered(episodes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """The open ones first, the gravest of those before others, the newest first."""
    newest = sorted(episodes.items(), key=lambda item: str(item[1]["opened"]), reverse=True)
    return sorted(newest, key=lambda item: ("closed" in item[1], -SEVEREST.index(item[1]["severity"])))


def _figure(value: Any, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "?"


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters["figure"] = _figure
_TEMPLATE: Final = _ENVIRONMENT.get_template("page.html.j2")
