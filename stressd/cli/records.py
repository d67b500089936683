"""Reading the store for a command: which episode is meant, and how rows are shown."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stressd.alerts.ids import named
from stressd.cli.errors import UserError
from stressd.market.times import iso
from stressd.store import STANDBY, Attempt, Delivery, Episode, Store, StoreError


@contextmanager
def open_store(state: Path) -> Iterator[Store]:
    """The store of a state directory, which may belong to a running daemon. Raises UserError."""
    try:
        store = Store.open(state, create=False)
        if store.copied is not None:
            print(f"stressd: {store.file}: brought to this version; as it was before: {store.copied}", file=sys.stderr)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise UserError(str(error)) from None


def episode_named(store: Store, name: str) -> Episode:
    """The episode with this id, or with an id that ends or begins so. Raises UserError."""
    wanted = name.strip().lstrip("#").lower()
    episodes = {each.id: each for each in store.episodes()}
    found = [episodes[each] for each in named(wanted, episodes)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(f"{name} may be any of {', '.join(each.id for each in found[-5:])}: name it in full")
    raise UserError(f"{name}: there is no such episode in {store.file}")


def as_json(row: Episode | Delivery | Attempt) -> dict[str, Any]:
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
