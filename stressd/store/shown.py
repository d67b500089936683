"""Rows of the store as people and programs are shown them."""

from __future__ import annotations

import dataclasses
from typing import Any

from stressd.market.times import iso
from stressd.store.rows import ActionRow, Attempt, Delivery, Episode, LabelRow
from stressd.store.standby import STANDBY


def as_json(row: ActionRow | Attempt | Delivery | Episode | LabelRow) -> dict[str, Any]:
    """A row with its times in ISO 8601."""
    return {
        key: iso(value) if (key == "at" or key.endswith("_at")) and value else value
        for key, value in dataclasses.asdict(row).items()
    }


def delivery_text(delivery: Delivery) -> str:
    """One line on what became of a delivery."""
    place = f"{delivery.sink} (fallback for {delivery.fallback_for})" if delivery.fallback_for else delivery.sink
    tries = f"{delivery.attempts} attempt{'s' if delivery.attempts != 1 else ''}"
    if delivery.fault == STANDBY:
        return f"{place}: not sent: another daemon tells people, this one was the standby"
    if delivery.state == "delivered":
        merged = f", for {delivery.merged} older updates too" if delivery.merged else ""
        detail = f" ({delivery.detail})" if delivery.detail else ""
        when = iso(delivery.delivered_at) if delivery.delivered_at else "?"
        return f"{place}: delivered {when}, {tries}{merged}{detail}"
    if delivery.state == "superseded":
        return f"{place}: covered by {delivery.merged_into}"
    if delivery.state == "dead":
        return f"{place}: given up after {tries}: {delivery.last_error}"
    why = f": {delivery.last_error}" if delivery.last_error else ""
    again = f", next at {iso(delivery.next_at)}" if delivery.next_at else ""
    return f"{place}: {delivery.state}, {tries}{again}{why}"
