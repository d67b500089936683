"""Reading the store for a command: which episode is meant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stressd.alerts.ids import named
from stressd.cli.errors import UserError
from stressd.store import Episode, Store, StoreError


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
