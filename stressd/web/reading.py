"""Who may read the page and what belongs to it: everybody who reaches it, or holders of a token (`page: {read: ...}`).

`POST /api/v1/session` exchanges a token for a cookie by which a browser reads; see `web.session`. It is `SameSite=Lax`,
so that a link in a message opens the page, and never enough to change anything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from stressd.web.api import DOORS, SESSIONS, answer, holder_of, refused, who_asks
from stressd.web.body import Refusal
from stressd.web.caller import READ, Caller, bearer, from_elsewhere
from stressd.web.session import LASTS, cookie

FORM: Final = "application/x-www-form-urlencoded"
HOME: Final = "../../"
"""The page as seen from the session's route, also where a proxy puts something before both."""

Read = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_reading(app: web.Application) -> None:
    """The session's routes, beside `add_api`."""
    app.router.add_post("/api/v1/session", _begin)
    app.router.add_delete("/api/v1/session", _end)


def may_read(request: web.Request) -> bool:
    """Whether whoever asks may see the page's data. A wrong token counts among the attempts of its address."""
    try:
        who_asks(request, READ)
    except Refusal:
        return False
    return True


def readable(handler: Read) -> Read:
    """`handler`, for whoever may read; others get the refusal as JSON."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            who_asks(request, READ)
        except Refusal as refusal:
            return refused(refusal)
        return await handler(request)

    return handle


async def _begin(request: web.Request) -> web.Response:
    """With the token in `Authorization`, or in the field `token` of a plain form where scripts do not run."""
    by_form = request.content_type == FORM
    try:
        if from_elsewhere(request, request.app[DOORS].page_url()):
            raise Refusal(403, "requests that another site's page makes are refused")
        token = await _token_of_form(request) if by_form else bearer(request.headers)
        caller = holder_of(request, token)
    except Refusal as refusal:
        if by_form and refusal.status != 403:
            why = "later" if refusal.status == 429 else "token"
            return web.Response(status=303, headers={"Location": f"{HOME}?refused={why}", "Cache-Control": "no-store"})
        return refused(refusal)
    if by_form:
        told = web.Response(status=303, headers={"Location": HOME, "Cache-Control": "no-store"})
    else:
        told = answer(200, _told(caller))
    told.set_cookie(
        cookie(request.app[DOORS].instance()),
        request.app[SESSIONS].begin(token),
        max_age=LASTS,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=request.headers.get("Origin", "").startswith("https:"),
    )
    return told


async def _end(request: web.Request) -> web.Response:
    try:
        caller = holder_of(request, bearer(request.headers))
    except Refusal as refusal:
        return refused(refusal)
    name = cookie(request.app[DOORS].instance())
    request.app[SESSIONS].end(request.cookies.get(name, ""))
    told = answer(200, _told(caller) | {"lasts_s": 0})
    told.del_cookie(name, path="/")
    return told


async def _token_of_form(request: web.Request) -> str:
    """Raises Refusal."""
    try:
        said = (await request.post()).get("token")
    except web.HTTPRequestEntityTooLarge:
        raise Refusal(413, "that is no token") from None
    return said.strip() if isinstance(said, str) else ""


def _told(caller: Caller) -> dict[str, object]:
    return {"name": caller.author, "may": sorted(caller.may), "lasts_s": LASTS}
