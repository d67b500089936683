"""explain and deliveries, on a store with an episode in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd import METHOD
from stressd.alerts.event import (
    BaseRate,
    DataQuality,
    Event,
    EventType,
    Exceeded,
    Follower,
    Point,
    SeriesMove,
    Severity,
)
from stressd.alerts.pipeline import Routed
from stressd.cli.main import main
from stressd.store import Attempt, Commit, Store

EPISODE = "JP-260120-7q2f"


def event(seq: int, type_: EventType, severity: Severity, headline: str, episode: str = EPISODE) -> Event:
    move = SeriesMove(
        series="JP.GOV.30Y",
        value=3.765,
        from_=Point(value=3.562, time="2026-01-19T06:00:00Z"),
        change_bp=20.3,
        horizon="1d",
        sigma=6.9,
        sigma_bp=2.94,
        sigma_definition="robust, 63 sessions",
        threshold=6.0,
        exceeded=Exceeded(times=10, of=4706),
        rank=1,
        rank_of=1250,
        largest_since="1999-09-01",
        since_beginning=True,
    )
    follower = Follower(
        market="US",
        series="US.GOV.10Y",
        wording="followed",
        lag_s=52200,
        open_lag_s=30600,
        resolution="1d",
        change_bp=6.0,
        beta=0.3,
        usual_beta=0.1,
        sigma=1.4,
        excess_sigma=1.1,
        lag_low_s=30000,
        lag_high_s=31200,
        p=0.06,
        p_of=750,
        base_rate=BaseRate(
            source="JP.GOV.30Y", series="US.GOV.10Y", beyond=4.0, times=8, same_sign=6, mean_sigma=1.2,
            since="1999-09-01",
        ),
        episode="US-260120-8q2f",
    )  # fmt: skip
    others = [
        Follower(market="UK", wording="could not respond", reason="closed"),
        Follower(market="DE", wording="did not respond", via="US", was="spilled over", reason="late"),
    ]
    return Event(
        id=f"{episode}.{seq}", episode=episode, seq=seq, type=type_, kind="market", origin="live",
        time=f"2026-01-20T06:0{seq}:00Z", instance="rates-tokyo", rule="sigma-breach", market="JP", direction="up",
        severity=severity, headline=headline, series=[move], shape="bear steepening",
        followers=[follower, *others],
        data=DataQuality(age_s=0.8, sources=["desk"]), version="0.1.0", method=METHOD, config="sha256:9f2c",
    )  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Path:
    store = Store.open(tmp_path)
    store.commit(Commit([Routed(event(1, "opened", "high", "JP 30Y +20.3bp to 3.765%"), ("slack", "mail"))]))
    store.commit(Commit([Routed(event(2, "escalated", "critical", "JP 30Y +20.3bp, critical"), ("slack",))]))
    store.commit(Commit([Routed(event(1, "opened", "warn", "another", "JP-260121-8q2f"), ())]))
    store.complete_delivery(f"{EPISODE}.1", "slack", attempts=1, remote_ref="ts-1", detail="", merged=0)
    store.bury_delivery(f"{EPISODE}.1", "mail", attempts=3, fault="permanent", error="550 no such user")
    store.flush().result(10)
    store.close()
    return tmp_path


@pytest.mark.parametrize("name", [EPISODE, "7q2f", "#7Q2F", "jp-260120-7Q2F"])
def test_explain_says_every_number_in_prose(state: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name, "--state", str(state)]) == 0
    text = capsys.readouterr().out
    for said in (
        "JP-260120-7q2f: JP up, rule sigma-breach, critical, open.",
        "2 events from 2026-01-20T06:01:00Z to 2026-01-20T06:02:00Z; rates-tokyo, stressd 0.1.0, method 1, "
        "configuration sha256:9f2c.",
        "1. 2026-01-20T06:01:00Z opened, high",
        "JP.GOV.30Y at 3.765%, from 3.562% at 2026-01-19T06:00:00Z: +20.3 bp over 1d; that is 6.9 times its sigma of "
        "2.94 bp (robust, 63 sessions); the bar was 6; 10 of 4706 past days were beyond that bar; "
        "rank 1 of 1250 moves in its direction; largest since 1999-09-01, where the series begins.",
        "US followed JP; US.GOV.10Y +6.0 bp; +1.4 of its own sigma; +1.1 sigma beyond its usual co-movement; "
        "0.30 bp per bp (usually 0.10); after 52200 s, 30600 s of it open; between 30000 s and 31200 s of open time; "
        "p = 0.06 among 750 comparable stretches, this one counted; JP.GOV.30Y had been beyond +4 sigma 8 times since "
        "1999-09-01, and US.GOV.10Y then moved the same way 6 times, mean +1.20 sigma; measured by 1d; its own episode "
        "is US-260120-8q2f.",
        "UK could not respond; closed.",
        "DE did not respond; its move is put down to US; told before and taken back: JP spilled over into DE; late.",
        "slack: delivered ",
        "mail: given up after 3 attempts: 550 no such user",
        "slack: pending, 0 attempts",
    ):
        assert said in text
    assert "another" not in text


def test_explain_as_json_holds_the_events_of_the_contract(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", EPISODE, "--state", str(state), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["episode"]["severity"] == "critical"
    assert [e["id"] for e in shown["events"]] == [f"{EPISODE}.1", f"{EPISODE}.2"]
    assert shown["events"][0]["series"][0]["from"]["value"] == 3.562
    assert {d["sink"]: d["state"] for d in shown["deliveries"] if d["seq"] == 1} == {
        "slack": "delivered",
        "mail": "dead",
    }


@pytest.mark.parametrize(
    ("name", "said"), [("JP-000000-zzzz", "there is no such episode"), ("q2f", "may be any of"), ("", "no such")]
)
def test_an_unknown_or_unclear_episode_ends_with_1(
    state: Path, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", name, "--state", str(state)]) == 1
    assert said in capsys.readouterr().err


def test_deliveries_are_listed_newest_last_and_filtered(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliveries", "list", "--state", str(state)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["EVENT", "TYPE", "SINK", "STATE", "ATTEMPTS", "COMMITTED", "LAST", "ERROR"]
    assert len(lines) == 4
    assert main(["deliveries", "list", "--state", str(state), "--state-is", "dead", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["sink"], row["last_error"], row["created_at"][-1]) == ("mail", "550 no such user", "Z")
    assert main(["deliveries", "list", "--state", str(state), "--sink", "nobody"]) == 0
    assert capsys.readouterr().out == "no such deliveries\n"


def test_deliveries_of_an_event_or_an_episode_are_shown(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliveries", "show", f"{EPISODE}.1", "--state", str(state)]) == 0
    out = capsys.readouterr().out
    assert "receipt ts-1" in out
    assert f"{EPISODE}.2" not in out
    assert main(["deliveries", "show", "7q2f", "--state", str(state)]) == 0
    assert f"{EPISODE}.2" in capsys.readouterr().out
    assert main(["deliveries", "show", "JP-260121-8q2f.1", "--state", str(state)]) == 0
    assert capsys.readouterr().out == "nobody was to be told of it\n"


def test_dead_letters_go_back_into_the_queue_when_asked_by_name(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["deliveries", "replay", "--state", str(state)]) == 1
    assert "name the events" in capsys.readouterr().err
    assert main(["deliveries", "replay", f"{EPISODE}.1", "--state", str(state)]) == 0
    assert capsys.readouterr().out == f"{EPISODE}.1 to mail: back in the queue\n"
    assert main(["deliveries", "replay", "--all", "--state", str(state)]) == 1
    store = Store.open(state, create=False)
    assert {row.sink for row in store.pending()} == {"slack", "mail"}
    store.close()


def test_every_attempt_is_shown_with_what_was_asked_and_answered(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(state, create=False)
    asked = "POST https://hooks.example, 1834 B, sha256:0123456789abcdef"
    store.log_attempt(
        Attempt(f"{EPISODE}.1", "mail", 1, 10**9, 812.3, "failed", "retry", "HTTP 503", asked, "HTTP 503: no")
    )
    store.log_attempt(
        Attempt(f"{EPISODE}.1", "mail", 2, 2 * 10**9, 9.0, "delivered", request=asked, response="HTTP 200: ok")
    )
    store.close()
    assert main(["deliveries", "show", f"{EPISODE}.1", "--state", str(state)]) == 0
    out = capsys.readouterr().out
    for said in (
        "    1. 1970-01-01T00:00:01Z, 812 ms: failed (retry): HTTP 503\n",
        f"       > {asked}\n       < HTTP 503: no\n",
        "    2. 1970-01-01T00:00:02Z, 9 ms: delivered\n",
    ):
        assert said in out
    assert main(["deliveries", "show", f"{EPISODE}.1", "--state", str(state), "--json"]) == 0
    logs = {row["sink"]: row["log"] for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [(each["outcome"], each["at"]) for each in logs["mail"]] == [
        ("failed", "1970-01-01T00:00:01Z"),
        ("delivered", "1970-01-01T00:00:02Z"),
    ]


def test_what_waits_is_dropped_by_name_and_brought_back(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliveries", "drop", "--state", str(state)]) == 1
    assert "name the events" in capsys.readouterr().err
    assert main(["deliveries", "drop", "--all", "--state", str(state)]) == 0
    assert capsys.readouterr().out == f"{EPISODE}.2 to slack: dropped\n"
    assert main(["deliveries", "drop", "--sink", "slack", "--state", str(state)]) == 1
    assert capsys.readouterr().out == "nothing such waits\n"
    store = Store.open(state, create=False)
    assert [action.verb for action in store.actions()] == ["dropped"]
    (row,) = store.deliveries(event_id=f"{EPISODE}.2")
    assert (row.last_error or "").startswith("dropped by ")
    store.close()
    assert main(["deliveries", "replay", f"{EPISODE}.2", "--state", str(state)]) == 0
