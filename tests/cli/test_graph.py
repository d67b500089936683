"""`status --graph`: as tables and as JSON, from the daemon and from what it saved last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.graph_text import graph_lines
from stressd.cli.main import main
from stressd.runtime.graph import FORMAT, NAME, graph
from stressd.store import Store
from stressd.testing.worlds import world

HOUR = 3_600_000_000_000
NOW = 1_768_900_020_000_000_000
"""20 January 2026, 09:07 UTC."""


def edge(source: str, follower: str, **changes: Any) -> dict[str, Any]:
    """An edge as the engine gives it, of which nothing is known unless `changes` say so."""
    empty = {
        "source": source, "follower": follower, "layer": "ticks", "sources": 0, "followed": 0, "rate": None,
        "beta": None, "usual_beta": None, "lag_s": None, "lag_low_s": None, "lag_high_s": None, "p": None,
        "forward": 0, "backward": 0, "spilled_over": False, "hinted": False, "last": 0,
    }  # fmt: skip
    return empty | changes


EDGES = [
    edge("US", "UK", sources=9, followed=3, rate=1 / 3, beta=0.3, lag_s=300.0, lag_low_s=250.0, lag_high_s=380.0,
         p=0.21, forward=3, backward=2, last=NOW - HOUR),
    edge("JP", "US", sources=18, followed=14, rate=14 / 18, beta=0.42, usual_beta=0.2, lag_s=41.0, lag_low_s=35.0,
         lag_high_s=48.0, p=0.0004, forward=14, backward=1, spilled_over=True, hinted=True, last=NOW - 2 * HOUR),
    edge("JP", "UK", hinted=True),
    edge("UK", "JP"),
    edge("JP", "US", layer="fixings", sources=4706, followed=410, rate=410 / 4706, p=0.06, forward=None,
         backward=None, last=NOW - 27 * HOUR),
]  # fmt: skip


def made() -> dict[str, Any]:
    return graph(world({"JP": "JP", "US": "US", "UK": "UK"}, tenors=("10Y", "30Y")), EDGES, NOW)


def test_markets_have_their_hours_and_edges_their_times_in_iso() -> None:
    found = made()
    assert found["time"] == "2026-01-20T09:07:00Z"
    assert json.loads(json.dumps(found)) == found
    _, us, uk = found["markets"]
    assert (uk["market"], uk["open"], uk["reason"], uk["next_open"]) == ("UK", True, None, None)
    assert (us["open"], us["reason"], us["next_open"]) == (False, "overnight", "2026-01-20T12:00:00Z")
    assert us["next_open_local"] == "20 Jan 07:00 New York"
    assert [each["last"] for each in found["edges"]][1:3] == ["2026-01-20T07:07:00Z", None]
    assert EDGES[2]["last"] == 0, "what the engine gave is left alone"


def test_tables_show_what_spills_over_first_and_count_what_was_never_seen() -> None:
    lines = graph_lines(made())
    assert lines[0] == "as of 20 Jan 2026 09:07 UTC"
    assert "US      US 10Y      closed (overnight), opens 20 Jan 2026 12:00 UTC (20 Jan 07:00 New York)" in lines
    first = next(n for n, line in enumerate(lines) if line.startswith("PAIR"))
    rows = [" ".join(line.split()) for line in lines[first + 1 : first + 5]]
    assert rows == [
        "JP ⇒ US * ticks 14 of 18 78 % 41 s (35 s to 48 s) 0.42, usually 0.2 < .001 14 / 1 20 Jan 2026 07:07 UTC",
        "JP → US fixings 410 of 4,706 9 % - - .06 - 19 Jan 2026 06:07 UTC",
        "US → UK ticks 3 of 9 33 % 5 min (4 min 10 s to 6 min 20 s) 0.3 .21 3 / 2 20 Jan 2026 08:07 UTC",
        "JP → UK * ticks 0 of 0 - - - - 0 / 0 never",
    ]
    assert lines[-1] == "1 pair is watched and had no move of the source to answer yet."


def test_without_a_daemon_it_is_what_was_saved_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--graph", "--state", str(tmp_path)]) == 1
    store = Store.open(tmp_path)
    store.flush().result(10)
    assert main(["status", "--graph", "--state", str(tmp_path)]) == 1
    assert "no daemon runs" in capsys.readouterr().err
    store.save_snapshot(NAME, FORMAT, json.dumps(made()).encode()).result(10)
    store.close()
    assert main(["status", "--graph", "--state", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == made()
    assert "this is what it saved last" in said.err
    assert main(["status", "--graph", "--state", str(tmp_path)]) == 0
    assert "JP ⇒ US *" in capsys.readouterr().out
