"""Made-up events of every type and kind: what templates are tried on, and channels are shown with.

The figures hang together, but none of it happened. The first is complete: every field that a sigma episode can have is
there; others lack what theirs lack.
"""

from __future__ import annotations

from typing import Final, get_args

from msgspec.structs import replace

from stressd.alerts.day import Day, DaySeries
from stressd.alerts.day_text import day_headline
from stressd.alerts.event import (
    Acknowledged,
    BaseRate,
    BidAsk,
    Curve,
    DataQuality,
    DigestItem,
    Event,
    EventType,
    Exceeded,
    Follower,
    LevelAhead,
    Origin,
    Outcome,
    Path,
    Point,
    PriceMove,
    Segments,
    SeriesMove,
    Source,
    SpreadMove,
    Standing,
)

EPISODE: Final = "JP-260120-7q2f"
RULE: Final = "sigma-breach"
CLOSE: Final = "2026-01-19T06:00:00Z"
AT: Final = "2026-01-20T05:31:07.215Z"

LEAD: Final = SeriesMove(
    series="JP.GOV.30Y",
    value=3.765,
    time=AT,
    from_=Point(value=3.602, time="2026-01-20T05:01:05Z"),
    change_bp=16.3,
    horizon="30m",
    sigma=6.9,
    sigma_bp=2.36,
    sigma_definition="last hour and 5 sessions, by time of day",
    threshold=6.0,
    exceeded=Exceeded(times=2, of=250, unit="sessions"),
    return_period_years=[0.9, 1.6, 3.9],
    rank=1,
    rank_of=250,
    largest_since="2025-04-08",
    highest_since="1999-09-01",
    highest_since_beginning=True,
    during="20-year auction",
    widened=1.5,
    prior_close=Point(value=3.562, time=CLOSE),
    session_open=Point(value=3.571, time="2026-01-19T23:30:04Z"),
    day_low=Point(value=3.556, time="2026-01-20T00:12:41Z"),
    day_high=Point(value=3.771, time="2026-01-20T05:30:58Z"),
    ahead=[
        LevelAhead(level=4.0, distance_bp=23.5, what="round"),
        LevelAhead(level=3.75, distance_bp=-1.5, what="round"),
        LevelAhead(level=3.8, distance_bp=3.5, what="super-long-levels"),
    ],
    price=PriceMove(points=-2.2986, dv01=0.13846, convention="simple"),
    rungs={"warn": 3.0, "high": 4.0, "critical": 6.0},
    floor_bp=2.0,
)

OTHERS: Final = [
    SeriesMove(series="JP.GOV.40Y", value=4.012, from_=Point(value=3.866, time="2026-01-20T05:01:09Z"), change_bp=14.6,
               horizon="30m", sigma=5.8, sigma_bp=2.52, threshold=4.0),
    SeriesMove(series="JP.GOV.20Y", value=3.298, from_=Point(value=3.187, time="2026-01-20T05:01:02Z"), change_bp=11.1,
               horizon="30m", sigma=4.9, sigma_bp=2.27, threshold=4.0),
    SeriesMove(series="JP.GOV.10Y", value=2.331, from_=Point(value=2.27, time=CLOSE), change_bp=6.1, horizon="session",
               sigma=3.4, sigma_bp=1.79, threshold=3.0, unconfirmed="20Y and 40Y have not moved"),
]  # fmt: skip

LASTS: Final[list[float | None]] = [
    3.571, 3.566, 3.559, 3.562, 3.568, 3.57, 3.573, 3.579, 3.581, 3.584, 3.583, 3.588, 3.591, 3.59, 3.594, 3.596,
    None, None, None, None, None, None, 3.598, 3.601, 3.6, 3.604, 3.602, 3.606, 3.611, 3.63, 3.668, 3.702, 3.741, 3.765,
]  # fmt: skip

PATH: Final = Path(
    series="JP.GOV.30Y",
    start="2026-01-19T23:30:00Z",
    step_s=640.0,
    values=LASTS,
    low=[None if value is None else round(value - 0.003, 3) for value in LASTS],
    high=[None if value is None else round(value + 0.006, 3) for value in LASTS],
    at=Point(value=3.765, time=AT),
    base=Point(value=3.602, time="2026-01-20T05:01:05Z"),
    lower=3.4604,
    upper=3.7436,
    zone="Asia/Tokyo",
)

FOLLOWERS: Final = [
    Follower(market="US", series="US.GOV.10Y", wording="followed", lag_s=52_200.0, open_lag_s=30_600.0, resolution="1d",
             change_bp=6.8, value=4.295, beta=0.3, usual_beta=0.12, p=0.06, p_of=750, sigma=1.4, excess_sigma=1.1,
             lag_low_s=30_000.0, lag_high_s=31_200.0, episode="US-260120-b3kd",
             base_rate=BaseRate(source="JP.GOV.30Y", series="US.GOV.10Y", beyond=4.0, times=8, same_sign=6,
                                mean_sigma=1.2, since="1999-09-01")),
    Follower(market="DE", series="DE.GOV.10Y", wording="spilled over", lag_s=41.0, open_lag_s=41.0, resolution="tick",
             change_bp=3.2, value=2.874, beta=0.2, usual_beta=0.1, p=0.004, p_of=1_212, sigma=4.1, excess_sigma=3.3),
    Follower(market="CA", series="CA.GOV.10Y", wording="did not respond", lag_s=600.0, open_lag_s=600.0,
             resolution="tick", change_bp=0.2, value=3.411, sigma=0.2),
    Follower(market="UK", wording="could not respond", reason="closed (overnight)", next_open="2026-01-20T08:00:00Z",
             next_open_local="20 Jan 08:00 London"),
]  # fmt: skip

STANDINGS: Final = {
    "resolved": Standing(state="over"),
    "flapping": Standing(state="open", rung="warn", flapping=9, reopened=1),
    "reopened": Standing(state="open", rung="critical", reopened=1),
}

COMPLETE: Final = Event(
    id=f"{EPISODE}.1",
    episode=EPISODE,
    seq=1,
    type="opened",
    kind="market",
    origin="live",
    time=AT,
    instance="rates-tokyo",
    rule=RULE,
    market="JP",
    direction="up",
    severity="critical",
    headline="JP 30Y +16.3bp over 30m to 3.765% · 6.9σ of 2.4bp · largest rise over 30m since 8 Apr 2025",
    series=[LEAD, *OTHERS],
    shape="bear steepening",
    standing=Standing(state="open", rung="critical"),
    segments=Segments(names=["long", "super-long"], whole_curve=False, lead="30Y", tenors=4, of=6),
    followers=FOLLOWERS,
    data=DataQuality(
        age_s=0.8,
        sources=["desk"],
        quotes=BidAsk(bid_ask_bp=1.2, mean_bp=0.9, widest_decile_bp=3.0, presence=0.97),
        curve=Curve(noise_bp=4.2, usual_bp=1.1, cheapest="JP.GOV.20Y", cheapest_bp=3.1, richest="JP.GOV.10Y",
                    richest_bp=-1.4),
        agree=["backup"],
        disagree=["futures"],
        rejected=2,
    ),
    spreads=[
        SpreadMove(series="JP.GOV.2s10s", value_bp=131.2, change_bp=5.1, since=CLOSE, rank=3, rank_of=250),
        SpreadMove(series="JP.GOV.10s30s", value_bp=143.4, change_bp=14.2, since=CLOSE, rank=1, rank_of=250),
        SpreadMove(series="US-JP.GOV.10Y", value_bp=189.6, change_bp=-6.1, since=None),
    ],
    path=PATH,
    runbook="https://wiki.bank.example/rates-stress",
    version="0.1.0",
    method="1",
    config="sha256:9f2c1a2b3c4d",
)  # fmt: skip

NOTES: Final[dict[str, str]] = {
    "escalated": "was high before",
    "widened": "joined by 10Y and 20Y; 30Y critical too",
    "peaked": "peak 7.4σ, +17.5bp",
    "propagated": "followed by US 10Y +6.8bp; spilled over into DE 10Y +3.2bp",
    "stale": "no tick from 30Y and 40Y: how it goes on is unknown",
    "resumed": "30Y and 40Y can be seen again",
    "resolved": "lasted 3 h 12 min; peak 7.4σ, +17.5bp; JP 30Y now 3.698%",
    "reopened": "open again 12 min of open time after it was over",
    "flapping": "flapping, 9 changes",
    "reminder": "open for 2 h, nobody has acknowledged it",
    "acknowledged": "seen, on it",
    "corrected": "US did not follow JP: late ticks show that it moved 12 s earlier",
}
HEADLINES: Final[dict[str, str]] = {
    "stale": "JP 30Y not seen any more, last +16.3bp at 3.765% · the episode stays open",
    "resolved": "JP 30Y move resolved after 3 h 12 min · peak +17.5bp at 3.777% · 7.4σ of 2.4bp · followed by US 10Y",
    "corrected": "corrected: US did not follow JP · JP 30Y +16.3bp over 30m to 3.765% · 6.9σ of 2.4bp",
}

ENDED: Final = Outcome(
    series="JP.GOV.30Y",
    lasted_s=11_520.0,
    peak_bp=17.5,
    peak_sigma=7.4,
    began=Point(value=3.602, time="2026-01-20T05:01:05Z"),
    peak=Point(value=3.777, time="2026-01-20T05:44:10Z"),
    now=Point(value=3.698, time="2026-01-20T08:43:07Z"),
    retraced=0.451,
)


def canned() -> list[Event]:
    """The complete one of every type, then the other kinds, those that are not live, and the barest."""
    return [*_lives(), *_kinds(), *_origins(), *_bare()]


def _lives() -> list[Event]:
    told = []
    for seq, kind in enumerate(get_args(EventType), 1):
        if kind == "digest":
            continue
        told.append(
            replace(
                COMPLETE,
                id=f"{EPISODE}.{seq}",
                seq=seq,
                type=kind,
                note=NOTES.get(kind),
                headline=HEADLINES.get(kind, COMPLETE.headline),
                outcome=ENDED if kind == "resolved" else None,
                acknowledged=Acknowledged(by="anna", at=AT, note="on it") if kind == "acknowledged" else None,
                standing=STANDINGS.get(kind, COMPLETE.standing),
            )
        )
    return told


def _moved(move: SeriesMove, to: float) -> SeriesMove:
    """The same move elsewhere: what it is measured from lies as far away as before."""
    by = to - move.value

    def point(each: Point | None) -> Point | None:
        return None if each is None else replace(each, value=round(each.value + by, 3))

    ahead = [LevelAhead(level=round(to + each.distance_bp / 100.0, 3), distance_bp=each.distance_bp, what=each.what)
             for each in move.ahead]  # fmt: skip
    return replace(move, value=to, from_=point(move.from_), prior_close=point(move.prior_close), ahead=ahead,
                   session_open=point(move.session_open), day_low=point(move.day_low),
                   day_high=point(move.day_high))  # fmt: skip


def _kinds() -> list[Event]:
    level = replace(_moved(LEAD, 4.313), series="US.GOV.10Y", from_=None, change_bp=None, horizon="level", sigma=None,
                    sigma_bp=None, sigma_definition=None, threshold=None, exceeded=None, return_period_years=None,
                    rank=None, rank_of=None, largest_since=None, level=4.301, highest_since="2025-08-28",
                    highest_since_beginning=False, price=None, rungs=None, during=None, widened=None)  # fmt: skip
    slope = replace(_moved(LEAD, 0.709), series="US.GOV.2s10s", price=None, ahead=[])
    model = replace(OTHERS[0], model="river.anomaly.HalfSpaceTrees", score=0.93, score_bar=0.9, threshold=None)
    noise = SeriesMove(series="JP.GOV.20Y", value=3.298, change_bp=12.4, horizon="noise", sigma=6.3, threshold=4.0)
    follower = replace(
        COMPLETE, id="US-260120-b3kd.1", episode="US-260120-b3kd", seq=1, market="US", severity="warn", followers=[],
        headline="US 10Y +6.8bp to 4.295% · 3.4σ of 2.0bp · followed JP", shape=None, segments=None, path=None,
        spreads=[],
        series=[replace(_moved(LEAD, 4.295), series="US.GOV.10Y", change_bp=6.8, sigma=3.4, sigma_bp=2.0, threshold=3.0,
                        from_=Point(value=4.227, time=CLOSE), prior_close=Point(value=4.227, time=CLOSE), horizon="1d",
                        during=None, widened=None,
                        price=PriceMove(points=-0.5513, dv01=0.08067, convention="semi-annual"))],
        source=Source(episode=EPISODE, market="JP", wording="followed", lag_s=52_200.0, open_lag_s=30_600.0, beta=0.3,
                      p=0.06, p_of=750),
    )  # fmt: skip
    named = {
        "US-260120-c4me": (level, "ten-year-levels", "info", "US 10Y 4.313% · highest since 28 Aug 2025"),
        "US-260120-d5nf": (slope, RULE, "high", "US 2s10s +16.3bp over 30m to 70.9bp · 6.9σ of 2.4bp"),
        "JP-260120-e6pg": (model, "forest", "warn", "JP 40Y +14.6bp over 30m to 4.012% is unusual, by HalfSpaceTrees"),
        "JP-260120-f7qh": (
            noise,
            "curve",
            "warn",
            "JP curve noise 4.2bp, usually 1.1bp · 6.3σ · 20Y +12.4bp",
        ),
    }
    found = [
        replace(
            COMPLETE, id=f"{episode}.1", episode=episode, rule=rule, severity=severity, headline=headline,
            series=[move], market=move.series[:2], followers=[], shape=None, segments=None, path=None,
            direction=None if move is noise else "up", spreads=[], runbook=None,
            data=DataQuality(age_s=0.8, sources=["desk"]),
        )
        for episode, (move, rule, severity, headline) in named.items()
    ]  # fmt: skip
    return [follower, *found, *_operations(), _digest(), _day()]


def _operations() -> list[Event]:
    silent = replace(
        COMPLETE, id="JP-260120-g8rk.1", episode="JP-260120-g8rk", kind="feed", rule="quiet", severity="warn",
        direction=None, series=[], shape=None, segments=None, followers=[], spreads=[], path=None, runbook=None,
        headline="JP feed silent: no tick from 4 of 6 series for 12 min of open time · 10Y, 20Y, 30Y and 40Y",
        data=DataQuality(age_s=720.0, affected=["JP.GOV.10Y", "JP.GOV.20Y", "JP.GOV.30Y", "JP.GOV.40Y"]),
    )  # fmt: skip
    halted = replace(
        silent, id="JP-260120-h9sm.1", episode="JP-260120-h9sm", kind="market", severity="high",
        headline="JP 40Y halted? no tick for 4 min right after +21.3bp · other series of desk tick",
        data=DataQuality(age_s=240.0, sources=["desk"], affected=["JP.GOV.40Y"]),
    )  # fmt: skip
    own = replace(
        silent, id="SELF-260120-j0tn.1", episode="SELF-260120-j0tn", kind="self", rule="sink-failing", market="",
        headline="sink desk-slack fails: HTTP 503, 4 messages wait", data=DataQuality(sources=["desk-slack"]),
    )  # fmt: skip
    over = replace(
        silent, id="JP-260120-g8rk.2", seq=2, type="resolved",
        headline="JP feed ticks again from all 4 series, silence lasted 15 min",
    )  # fmt: skip
    return [silent, over, halted, own]


def _digest() -> Event:
    items = [
        DigestItem(episode=EPISODE, market="JP", time=AT, severity="critical", headline=COMPLETE.headline, state="over",
                   series="JP.GOV.30Y", change_bp=16.3, sigma=6.9, series_count=4),
        DigestItem(episode="US-260120-c4me", market="US", time=AT, severity="info", state="once",
                   headline="US 10Y 4.313% · highest since 28 Aug 2025", series="US.GOV.10Y",
                   why="silenced by anna until 18:00", events=2),
    ]  # fmt: skip
    return replace(
        COMPLETE, id="DIGEST-260120-k1vp.1", episode="DIGEST-260120-k1vp", type="digest", rule="digest", market="JP",
        direction=None, headline="JP close: 2 episodes, 1 open, 1 not told", series=[], shape=None, segments=None,
        followers=[], data=DataQuality(), spreads=[], path=None, runbook=None, digest=items,
    )  # fmt: skip


def _day() -> Event:
    rows = [
        ("5Y", 1.715, 1.688, 2.7, 1.1, 1.682, 1.719), ("10Y", 2.35, 2.27, 8.0, 2.6, 2.268, 2.362),
        ("20Y", 3.351, 3.197, 15.4, 4.9, 3.19, 3.36), ("30Y", 3.765, 3.562, 20.3, 6.9, 3.575, 3.816),
    ]  # fmt: skip
    series = [
        DaySeries(series=f"JP.GOV.{tenor}", state="live", value=value, time="2026-01-20T09:29:58Z", close=close,
                  close_time="2026-01-19T06:00:00Z", change_bp=bp, sigma=sigma, low=low, high=high)
        for tenor, value, close, bp, sigma, low, high in rows
    ]  # fmt: skip
    series.append(DaySeries(series="JP.GOV.40Y", state="no ticks", value=3.719, time="2026-01-19T06:00:00Z"))
    day = Day(
        market="JP", session="2026-01-20", zone="Asia/Tokyo", opened="2026-01-19T23:30:00Z",
        closed="2026-01-20T09:30:00Z", next_open="2026-01-20T23:30:00Z", next_open_local="21 Jan 08:30 Tokyo",
        series=series, shape="bear steepening", stress=0.61, stress_before=0.34,
    )  # fmt: skip
    item = DigestItem(episode=EPISODE, market="JP", time=AT, severity="critical", headline=COMPLETE.headline,
                      state="open", series="JP.GOV.30Y", change_bp=20.3, sigma=6.9, series_count=4)  # fmt: skip
    return replace(
        COMPLETE, id="DAY-260120-d4wz.1", episode="DAY-260120-d4wz", type="digest", rule="daily", market="JP",
        direction=None, severity="info", headline=day_headline(day, [item], 0), series=[], shape=None, segments=None,
        followers=[], data=DataQuality(), spreads=[], runbook=None, standing=None,
        digest=[item], day=day, time="2026-01-20T09:31:00Z",
    )  # fmt: skip


def _origins() -> list[Event]:
    return [replace(COMPLETE, origin=origin) for origin in get_args(Origin) if origin != "live"]


def _bare() -> list[Event]:
    """With nothing that may be absent, and with a headline as long as one may be."""
    bare = replace(
        COMPLETE, id="JP-260120-m2wq.1", episode="JP-260120-m2wq", severity="warn", followers=[], shape=None,
        segments=None, headline="JP 30Y +16.3bp to 3.765%", spreads=[], path=None, runbook=None, data=DataQuality(),
        series=[SeriesMove(series="JP.GOV.30Y", value=3.765, change_bp=16.3)],
    )  # fmt: skip
    return [bare, replace(bare, headline=("JP 30Y +16.3bp to 3.765% " * 6)[:140].strip())]
