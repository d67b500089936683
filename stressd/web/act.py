"""Where a link in a message leads: GET shows what would happen, POST does it.

Mail scanners and chat programs follow every link that they see, so a GET never does anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from aiohttp import web

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Acknowledge, AddSilence, Command, CommandError, Label
from stressd.web.act_page import HEADERS, Page, page
from stressd.web.api import ATTEMPTS, DOORS
from stressd.web.body import Refusal, text
from stressd.web.caller import from_elsewhere
from stressd.web.doors import Doors, NotYet, Subject, Unknown
from stressd.web.links import ACK, ACK_NS, LABEL_OF, PATH, SECOND, SILENCE, SILENCE_NS, Link, LinkError

NAME_LIMIT: Final = 60
"""Characters of the name that somebody may type in."""

log = structlog.get_logger()


def add_act(app: web.Application) -> None:
    """The page behind links, beside `add_api`."""
    app.router.add_get(PATH, _show)
    app.router.add_post(PATH, _act)


async def _show(request: web.Request) -> web.Response:
    doors = request.app[DOORS]
    try:
        link, subject = await _meant(request, doors)
    except _Stop as stop:
        return stop.response
    return _page(200, Page(doors.instance(), _question(link, subject), subject, _consequence(link, subject), link))


async def _act(request: web.Request) -> web.Response:
    doors = request.app[DOORS]
    try:
        if from_elsewhere(request, doors.page_url()):
            raise _stop(doors, 403, "Refused", "This was sent from another site's page. Open the link itself.")
        link, subject = await _meant(request, doors)
        typed = await _typed(request, doors)
        author = f"{typed['name']} (link in {link.sink})" if typed["name"] else f"link in {link.sink}"
        done = await doors.command(_command(link, subject, author, typed["note"], doors.now()))
    except NotYet as late:
        return _page(503, Page(doors.instance(), "Not on disk yet", subject, str(late)))
    except CommandError as error:
        return _page(409, Page(doors.instance(), "Not done", None, str(error)))
    except _Stop as stop:
        return stop.response
    log.info("link.used", episode=link.episode, deed=link.deed, sink=link.sink, author=author)
    return _page(200, Page(doors.instance(), "Done", subject, done.said))


class _Stop(Exception):
    """The page that says why nothing is done."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


def _stop(doors: Doors, status: int, title: str, why: str, subject: Subject | None = None) -> _Stop:
    return _Stop(_page(status, Page(doors.instance(), title, subject, why)))


async def _meant(request: web.Request, doors: Doors) -> tuple[Link, Subject]:
    """What a link is about, where it may still be used. Raises _Stop."""
    try:
        link = doors.signer().read(request.query, doors.now() // SECOND)
    except LinkError as error:
        attempts, address = request.app[ATTEMPTS], request.remote or "?"
        if not attempts.wait(address):
            # A signature cannot be guessed, but a log can be filled
            attempts.failed(address)
            log.warning("link.refused", reason=str(error), remote=address)
        hint = " A newer message of the episode has a fresh one; `stressd ack` and `stressd silence` need none."
        title = "This link has expired" if error.expired else "This link is not valid"
        raise _stop(doors, 410 if error.expired else 403, title, str(error) + hint) from None
    try:
        subject = await doors.episode(link.episode)
    except Unknown:
        raise _stop(doors, 404, "Unknown episode", f"Nothing is known of episode {link.episode} any more.") from None
    if subject.closed is not None and link.deed in (ACK, SILENCE):
        what = "acknowledge" if link.deed == ACK else "silence"
        why = f"Episode {subject.id} is over: there is nothing left to {what}."
        raise _stop(doors, 409, "This episode is over", why, subject)
    return link, subject


async def _typed(request: web.Request, doors: Doors) -> Mapping[str, str]:
    """What was typed into the form. Raises _Stop."""
    try:
        form = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise _stop(doors, 413, "Not done", "That was too much text.") from None
    try:
        said = {name: text(form, name) for name in ("name", "note")}
    except Refusal as refusal:
        raise _stop(doors, 422, "Not done", str(refusal)) from None
    return {**said, "name": said["name"][:NAME_LIMIT]}


def match_of(subject: Subject) -> Match:
    """What a silence by link is about: what the same rule says of the same market in the same direction; of what is no
    market's, this episode alone, since the next may be about another feed."""
    if not subject.market:
        return Match(episodes=(subject.id,))
    directions = (subject.direction,) if subject.direction else ()
    return Match(kinds=(subject.kind,), markets=(subject.market,), rules=(subject.rule,), directions=directions)


def _sort(subject: Subject) -> str:
    """ "JP up by rule sigma-breach"."""
    if not subject.market:
        return f"episode {subject.id}"
    return f"{subject.market} {subject.direction or ''}".strip() + f" by rule {subject.rule}"


def _command(link: Link, subject: Subject, author: str, note: str, now: int) -> Command:
    if link.deed == ACK:
        return Acknowledge(at=now, author=author, via="link", episode=subject.id, for_ns=ACK_NS, note=note)
    if link.deed == SILENCE:
        return AddSilence(
            at=now,
            author=author,
            via="link",
            match=match_of(subject),
            starts=now,
            ends=now + SILENCE_NS,
            reason=note or f"silenced from a message of {subject.id}",
        )
    return Label(at=now, author=author, via="link", episode=subject.id, label=LABEL_OF[link.deed], note=note)


def _question(link: Link, subject: Subject) -> str:
    if link.deed == ACK:
        return "Acknowledge for 30 minutes?"
    if link.deed == SILENCE:
        return "Silence for 2 hours?"
    return f"Label this alert “{LABEL_OF[link.deed]}”?"


def _consequence(link: Link, subject: Subject) -> str:
    if link.deed == ACK:
        already = f" It was acknowledged already: {subject.acknowledged}." if subject.acknowledged else ""
        return (
            "You look after it: no reminders and no escalation for 30 minutes. "
            f"New heights, answers of other markets and the end are told as before.{already}"
        )
    if link.deed == SILENCE:
        return (
            f"For 2 hours nobody is told of {_sort(subject)}. It goes on being watched and recorded; what is still "
            "open at the end is told then, and `stressd silence end` ends it sooner."
        )
    return (
        "It changes nothing now. The monthly report counts such labels by rule, so that rules which nobody needs are "
        "found."
    )


def _page(status: int, shown: Page) -> web.Response:
    return web.Response(status=status, text=page(shown), content_type="text/html", charset="utf-8", headers=HEADERS)
