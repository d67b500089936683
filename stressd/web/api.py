"""The API for people and machines: silences, episodes, deliveries; acknowledge and label.

Over the Unix socket the author is the user at its other end; over TCP a bearer token says who it is. No GET changes
anything. Errors are JSON: `{"error": ..., "field": ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from aiohttp import web

from stressd.alerts.people.commands import Acknowledge, AddSilence, CommandError, Done, EndSilence, Label
from stressd.market.times import iso
from stressd.web import body
from stressd.web.attempts import Attempts
from stressd.web.body import Refusal
from stressd.web.caller import READ, Caller, bearer, from_elsewhere, peer
from stressd.web.doors import Doors, NotYet, Unknown
from stressd.web.session import Sessions, cookie

DOORS: Final = web.AppKey("doors", Doors)
SESSIONS: Final = web.AppKey("sessions", Sessions)
ATTEMPTS: Final = web.AppKey("attempts", Attempts)
MOST: Final = 1_000
"""Rows of a list."""

TOLD_AGAIN: Final = 120_000_000_000
"""ns before a takeover of which is told again, unless the request says otherwise."""

STATES: Final = ("pending", "sending", "delivered", "dead", "superseded")

Answer = tuple[int, Mapping[str, Any] | bytes]
"""Status, and what is said: bytes are JSON already."""

Deed = Callable[[web.Request, Doors, Caller], Awaitable[Answer]]

log = structlog.get_logger()


def add_api(app: web.Application, doors: Doors) -> None:
    """The routes under /api/v1 of what people do."""
    app[DOORS] = doors
    app[ATTEMPTS] = Attempts()
    app[SESSIONS] = Sessions()
    add = app.router.add_route
    add("GET", "/api/v1/silences", guarded_by(READ, _silences))
    add("POST", "/api/v1/silences", guarded_by("silence", _add_silence))
    add("DELETE", "/api/v1/silences/{id}", guarded_by("silence", _end_silence))
    add("GET", "/api/v1/episodes", guarded_by(READ, _episodes))
    add("GET", "/api/v1/episodes/{id}", guarded_by(READ, _story))
    add("POST", "/api/v1/episodes/{id}/ack", guarded_by("ack", _acknowledge))
    add("POST", "/api/v1/episodes/{id}/label", guarded_by("label", _label))
    add("POST", "/api/v1/takeover", guarded_by(READ, _take_over))
    add("GET", "/api/v1/deliveries", guarded_by(READ, _deliveries))


def guarded_by(right: str, deed: Deed) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Who may, and what becomes of what goes wrong."""

    async def handle(request: web.Request) -> web.Response:
        try:
            status, said = await deed(request, request.app[DOORS], who_asks(request, right))
        except Refusal as refusal:
            return refused(refusal)
        except Unknown as unknown:
            return answer(404, {"error": str(unknown), "field": None})
        except NotYet as late:
            return answer(503, {"error": str(late), "field": None})
        except CommandError as error:
            return answer(409, {"error": str(error), "field": None})
        return answer(status, said)

    return handle


def who_asks(request: web.Request, right: str) -> Caller:
    """Raises Refusal where it is nobody, or somebody who may not."""
    doors = request.app[DOORS]
    if right != READ and from_elsewhere(request, doors.page_url()):
        raise Refusal(403, "requests that another site's page makes are refused")
    caller = peer(request)
    if caller is not None:
        return caller
    token = bearer(request.headers)
    if right == READ and not token and request.method in ("GET", "HEAD"):
        reader = _reader(request)
        if reader is not None:
            return reader
    holder = holder_of(request, token)
    if right not in holder.may:
        raise Refusal(403, f"the token `{holder.author}` may not do this (`may: [{right}]` in the configuration)")
    return holder


def _reader(request: web.Request) -> Caller | None:
    """Who may read without showing a token: everybody where the page is open, else a browser that has shown one."""
    doors = request.app[DOORS]
    token = request.app[SESSIONS].token(request.cookies.get(cookie(doors.instance()), ""))
    holder = None if token is None else doors.holder(token)
    if holder is not None:
        return Caller(holder.author, "http", frozenset({READ}))
    return Caller("reader", "http", frozenset({READ})) if doors.read_open() else None


def holder_of(request: web.Request, token: str) -> Caller:
    """Raises Refusal where the token that came with the request is nobody's, or too many of them were wrong."""
    if not token:
        raise Refusal(401, "a token is needed: `Authorization: Bearer TOKEN` (`tokens:` in the configuration)")
    attempts, address = request.app[ATTEMPTS], request.remote or "?"
    wait = attempts.wait(address)
    if wait > 0.0:
        raise Refusal(429, f"too many wrong tokens came from {address}: try again in {wait:.0f} s")
    holder = request.app[DOORS].holder(token)
    if holder is None:
        attempts.failed(address)
        log.warning("token.refused", remote=address, path=request.path)
        raise Refusal(401, "this token is not valid")
    return holder


def refused(refusal: Refusal) -> web.Response:
    """Its answer."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return answer(refusal.status, {"error": str(refusal), "field": refusal.field or None}, headers)


async def _silences(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    return 200, {"silences": list(doors.silences())}


async def _add_silence(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    said = await body.fields(request, ("match", "for", "until", "from", "reason", "break_through"))
    match = body.match(said)
    if match.episodes:
        named = [(await doors.episode(name)).id for name in match.episodes]
        match = replace(match, episodes=tuple(named))
    wrong = doors.unknown(match)
    if wrong is not None:
        raise Refusal(422, wrong[1], f"match.{wrong[0]}")
    now = doors.now()
    starts = body.moment(said, "from") or now
    length, until = body.span(said, "for"), body.moment(said, "until")
    if (length is None) == (until is None):
        raise Refusal(422, "a silence needs an end: `for`, such as `2h`, or `until`", "for")
    ends = until if until is not None else starts + (length or 0)
    if ends <= max(now, starts):
        raise Refusal(422, "the silence would be over before it begins", "until" if until is not None else "for")
    done = await doors.command(
        AddSilence(
            at=now,
            author=caller.author,
            via=caller.via,
            match=match,
            starts=starts,
            ends=ends,
            reason=body.text(said, "reason", required=True),
            break_through="critical" if body.choice(said, "break_through", ("critical",)) else None,
        )
    )
    return 201, {**_done(done), "silence": done.subject, "match": str(match), "from": iso(starts), "until": iso(ends)}


async def _end_silence(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    wanted = request.match_info["id"]
    known = [str(each["id"]) for each in doors.silences()]
    if wanted not in known:
        there = f"there are {', '.join(known)}" if known else "there is none"
        raise Unknown(f"there is no silence `{wanted}` that is on or waits; {there}")
    return 200, _done(await doors.command(EndSilence(at=doors.now(), author=caller.author, via=caller.via, id=wanted)))


async def _acknowledge(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    said = await body.fields(request, ("for", "note"))
    episode = await doors.episode(request.match_info["id"], open_only=True)
    command = Acknowledge(
        at=doors.now(),
        author=caller.author,
        via=caller.via,
        episode=episode.id,
        for_ns=body.span(said, "for"),
        note=body.text(said, "note"),
    )
    return 200, {**_done(await doors.command(command)), "headline": episode.headline}


async def _label(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    said = await body.fields(request, ("label", "note"))
    label = body.label(said)
    episode = await doors.episode(request.match_info["id"])
    command = Label(
        at=doors.now(),
        author=caller.author,
        via=caller.via,
        episode=episode.id,
        label=label,
        note=body.text(said, "note"),
    )
    return 200, {**_done(await doors.command(command)), "headline": episode.headline}


async def _take_over(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    if caller.via != "cli":
        raise Refusal(403, "a takeover is commanded on the machine itself: `stressd takeover`")
    said = await body.fields(request, ("since",))
    since = 0 if said.get("since") == "none" else body.span(said, "since")
    return 200, await doors.take_over(TOLD_AGAIN if since is None else since, caller.author)


async def _episodes(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    open_only = _one_of(request, "state", ("open", "all"), "all") == "open"
    return 200, {"episodes": list(await doors.episodes(open_only=open_only, limit=_limit(request)))}


async def _story(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    return 200, await doors.story(request.match_info["id"])


async def _deliveries(request: web.Request, doors: Doors, caller: Caller) -> Answer:
    rows = await doors.deliveries(
        state=_one_of(request, "state", STATES, None),
        sink=request.query.get("sink"),
        episode=request.query.get("episode"),
        limit=_limit(request),
    )
    return 200, {"deliveries": list(rows)}


def _one_of(request: web.Request, name: str, allowed: tuple[str, ...], default: str | None) -> str | None:
    value = request.query.get(name)
    if value is None:
        return default
    if value not in allowed:
        raise Refusal(422, f"`{name}` is one of {', '.join(allowed)}", name)
    return value


def _limit(request: web.Request) -> int:
    value = request.query.get("limit", "100")
    if not value.isascii() or not value.isdigit() or not 0 < int(value[:6]) <= MOST:
        raise Refusal(422, f"`limit` is a number from 1 to {MOST}", "limit")
    return int(value)


def _done(done: Done) -> dict[str, Any]:
    return {
        "done": done.verb,
        "subject": done.subject,
        "detail": done.said,
        "author": done.author,
        "time": iso(done.at),
    }


def answer(status: int, said: Mapping[str, Any] | bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    """As JSON that nobody keeps."""
    return web.Response(
        status=status,
        body=said if isinstance(said, bytes) else json.dumps(said, allow_nan=False).encode(),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
    )
