"""Every card is one that Microsoft's own library reads without a complaint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from stressd.alerts.canned import canned
from stressd.alerts.notification import Action, Telling
from stressd.alerts.render import render
from stressd.sinks.teams import message
from stressd.testing.teams import fault
from tests.sinks.npm import Unavailable, install, run

PACKAGES: Final = {"adaptivecards": "3.0.6"}
READER: Final = """\
const fs = require("fs");
const made = { exports: {} };
const source = fs.readFileSync("node_modules/adaptivecards/dist/adaptivecards.js", "utf8");
new Function("module", "exports", "self", source)(made, made.exports, globalThis);
const library = made.exports;
const cards = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(cards.map((payload) => {
  const card = new library.AdaptiveCard();
  card.version = new library.Version(1, 4);
  const context = new library.SerializationContext(new library.Version(1, 4));
  card.parse(payload, context);
  const said = [];
  for (let i = 0; i < context.eventCount; i++) said.push(context.getEventAt(i).message);
  return said.concat(card.validateProperties().validationEvents.map((event) => event.message));
})));
"""
ACTIONS: Final = tuple(Action(f"{i}", "https://x.example/act?s=1") for i in range(9))


def complaints(folder: Path, cards: list[Any]) -> list[list[str]]:
    """What the library says of each card."""
    try:
        install(folder, PACKAGES)
    except Unavailable as error:
        pytest.skip(f"Microsoft's library cannot be had, no card was read by it: {error}")
    found: list[list[str]] = json.loads(run(["node", "-e", READER], folder, json.dumps(cards)))
    return found


def test_microsofts_own_library_reads_every_card(root: Path) -> None:
    page = "https://stressd.bank.example/"
    tellings = [
        Telling(first=True, page_url=page, actions=ACTIONS),
        Telling(first=False, late_s=900.0, merged=3, possible_repeat=True, withheld=("a", "b")),
    ]
    messages = [message(render(event, telling)) for event in canned() for telling in tellings]
    assert {fault(each) for each in messages} == {None}
    cards = [each["attachments"][0]["content"] for each in messages]
    broken = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "FactSett"}], "actions": []}
    *ours, theirs = complaints(root / "build" / "teams-cards", [*cards, broken])
    assert [said for said in ours if said] == []
    assert theirs, "it does complain of what is wrong"
