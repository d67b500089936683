"""What is said of other markets: the wording of each layer, and every number of the evidence beside it.

"Moved together with" claims no order, "followed by" order alone, "spilled over into" more than order and usual
co-movement explain. None of them says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stressd.alerts.claims import held, strength
from stressd.alerts.corrections import link_text, put_down_to
from stressd.alerts.event import BaseRate, Follower, Source
from stressd.alerts.words import (
    bp_text,
    count_text,
    duration_text,
    listing,
    moment_text,
    number_text,
    series_name,
    sigma_text,
    yield_text,
)

JOIN = " · "
LINKS = ("spilled over into", "followed by", "moved together with")
"""Words of each link, the closest first."""


def market_name(follower: Follower) -> str:
    """ "US 10Y"; the market's name where no series answers for it."""
    return series_name(follower.series) if follower.series else follower.market


def ordered(followers: Iterable[Follower]) -> list[Follower]:
    """Links first, the closest of them, then the quickest; then what did not respond; then what could not."""

    def place(each: Follower) -> tuple[int, int, float, str]:
        kind = 2 if each.wording == "could not respond" else 1 if not strength(each.wording) else 0
        return kind, -strength(each.wording), each.open_lag_s or each.lag_s or 0.0, each.market

    return sorted(followers, key=place)


def link_clauses(followers: Iterable[Follower], room: int = 10_000) -> list[str]:
    """Who is linked, by wording: "followed by US 10Y +6.8bp and DE 10Y +3.1bp"; in `room` characters each, the last
    ones as "and 2 more"."""
    ranked = ordered(followers)
    made = []
    for words, claimed in zip(LINKS, (3, 2, 1), strict=True):
        names = [_name_and_move(each) for each in ranked if strength(each.wording) == claimed]
        if not names:
            continue
        texts = [f"{words} {listing(names)}"]
        texts += [f"{words} {', '.join(names[:k])} and {len(names) - k} more" for k in range(len(names) - 1, 0, -1)]
        made.append(next((text for text in texts if len(text) <= room), texts[-1]))
    return made


def short_text(follower: Follower) -> str:
    """ "US followed", "spilled over into US", "DE moved together", "UK put down to US", for a line among many."""
    if follower.via:
        return f"{follower.market} put down to {follower.via}"
    if follower.wording == "spilled over":
        return f"spilled over into {follower.market}"
    return f"{follower.market} {'moved together' if follower.wording == 'co-moved' else follower.wording}"


def answer_clause(follower: Follower, source: str) -> str:
    """How one market answered, in a few words. source: the market that it answers."""
    if strength(follower.wording):
        return link_clauses([follower])[0]
    name = market_name(follower)
    if follower.via:
        return f"{name}: {put_down_to(follower.via, source, False)}"
    if follower.wording == "could not respond":
        return f"{name} could not respond" + (f": {follower.reason}" if follower.reason else "")
    move = f", {bp_text(follower.change_bp)}" if follower.change_bp is not None else ""
    return f"{name} did not respond{move}"


def _name_and_move(follower: Follower) -> str:
    return market_name(follower) + (f" {bp_text(follower.change_bp)}" if follower.change_bp is not None else "")


def answer_lines(followers: Sequence[Follower], source: str, rising: bool) -> list[tuple[str, str]]:
    """(market, evidence) of each answer, and the base rate after it. rising: what they answer rose."""
    linked = {each.market for each in followers if held(each)}
    lines = []
    for each in ordered(followers):
        lines.append((market_name(each), answer_text(each, source, rising, linked)))
        if each.base_rate is not None and each.wording != "could not respond":
            lines.append(("Base rate", base_rate_text(each.base_rate)))
    return lines


def answer_text(follower: Follower, source: str, rising: bool, linked: Iterable[str]) -> str:
    """Wording, lag, response in bp and sigma, beta, p. linked: markets that are linked with the source."""
    parts = [_what(follower, source, linked)]
    if follower.change_bp is not None:
        to = (
            f" to {yield_text(follower.series, follower.value)}"
            if follower.series and follower.value is not None
            else ""
        )
        sigma = f", {sigma_text(abs(follower.sigma))}" if follower.sigma is not None else ""
        parts.append(f"{bp_text(follower.change_bp)}{to}{sigma}")
    parts += _beta(follower.beta, follower.usual_beta)
    if follower.excess_sigma is not None:
        more = follower.excess_sigma >= 0.0 if rising else follower.excess_sigma <= 0.0
        parts.append(f"{sigma_text(abs(follower.excess_sigma))} {'more' if more else 'less'} than usual with {source}")
    parts += _p(follower.p, follower.p_of, follower.resolution)
    if follower.was is not None:
        parts.append(f"told before as: {link_text(follower.market, source, follower.was)}")
    if follower.earlier is not None:
        parts.append(f"after an earlier breach {link_text(follower.market, source, follower.earlier)}")
    if follower.episode:
        parts.append(f"its own episode is {follower.episode}")
    return JOIN.join(parts)


def _what(follower: Follower, source: str, linked: Iterable[str]) -> str:
    """Wording and lag, or why there is none and from when there can be."""
    if follower.via:
        return put_down_to(follower.via, source, follower.via in linked)
    is_link = strength(follower.wording) > 0
    if is_link:
        text = f"{source} spilled over into it" if follower.wording == "spilled over" else ""
        text = text or ("moved together with" if follower.wording == "co-moved" else "followed") + f" {source}"
    else:
        text = f"did not follow {source}" if follower.was is not None else str(follower.wording)
    if follower.reason and not is_link:
        text += f": {follower.reason}"
    if follower.next_open:
        local = f" ({follower.next_open_local})" if follower.next_open_local else ""
        text += f", opens {moment_text(follower.next_open)}{local}"
    if follower.wording == "co-moved" and follower.lag_s is not None and follower.lag_s < 0.0:
        text += f" within {duration_text(-follower.lag_s)}"
    elif follower.lag_s is not None and follower.lag_s >= 0.0:
        within = follower.wording in ("did not respond", "co-moved")
        interval = None if within else (follower.lag_low_s, follower.lag_high_s)
        if within and not (follower.lag_s if follower.open_lag_s is None else follower.open_lag_s):
            at = f"{duration_text(follower.lag_s)} later, none of it open" if follower.lag_s else "at the same instant"
            text += f" {at}"
        else:
            text += f" {'within' if within else 'after'} {lag_text(follower.lag_s, follower.open_lag_s, interval)}"
        text += " (over the day)" if follower.resolution == "1d" else ""
    return f"{text}: {follower.reason}" if follower.reason and is_link else text


def lag_text(lag_s: float, open_lag_s: float | None, interval: tuple[float | None, float | None] | None = None) -> str:
    """Open time with its interval, and the wall clock where that differs."""
    shown = lag_s if open_lag_s is None else open_lag_s
    low, high = interval or (None, None)
    between = ""
    if low is not None and high is not None and high > low:
        between = f" ({duration_text(max(low, 0.0))} to {duration_text(high)})"
    if shown == lag_s:
        return f"{duration_text(lag_s)}{between}"
    return f"{duration_text(shown)} of open time{between}, {duration_text(lag_s)} by the clock"


def source_text(source: Source, resolution: str | None = None) -> str:
    """On a follower's own episode: which one it followed, with the same evidence."""
    words = {"spilled over": "spilled over from", "co-moved": "moved together with"}.get(source.wording, "followed")
    parts = [f"{words} {source.market} ({source.episode})"]
    if source.lag_s is not None and source.lag_s >= 0.0:
        together = source.wording == "co-moved"
        interval = None if together else (source.lag_low_s, source.lag_high_s)
        parts[0] += f" {'within' if together else 'after'} {lag_text(source.lag_s, source.open_lag_s, interval)}"
    parts += _beta(source.beta, None)
    parts += _p(source.p, source.p_of, resolution)
    if source.was is not None:
        parts.append(f"{source.was} was named before")
    return JOIN.join(parts)


def source_clause(source: Source) -> str:
    """ "followed JP", for the headline of a follower's own episode."""
    return source_text(Source(episode="", market=source.market, wording=source.wording)).partition(" (")[0]


def _beta(beta: float | None, usual: float | None) -> list[str]:
    if beta is None:
        return []
    return [f"{number_text(beta)}bp per bp" + (f" (usually {number_text(usual)})" if usual is not None else "")]


def _p(p: float | None, of: int | None, resolution: str | None) -> list[str]:
    if p is None:
        return []
    if not of:
        return [f"p {p_text(p)}"]
    among = "days" if resolution == "1d" else "stretches"
    return [f"p {p_text(p)} among {count_text(of)} comparable {among}"]


def p_text(p: float) -> str:
    """ "= .06", "= .004", "< .001": two decimals, three below .01."""
    if p < 0.001:
        return "< .001"
    digits = 3 if p < 0.0095 else 2
    text = f"{p:.{digits}f}"
    return f"= {text.removeprefix('0')}"


def base_rate_text(base: BaseRate) -> str:
    """ "JP 30Y beyond +4σ: 8 times since 1999, US 10Y the same way in 6 (75 %), mean +1.2σ"."""
    text = f"{series_name(base.source)} beyond {base.beyond:+g}σ: "
    since, name = f"since {base.since[:4]}", series_name(base.series)
    if base.times == 0:
        return f"{text}never {since}"
    mean = f", mean {round(base.mean_sigma, 1) + 0.0:+.1f}σ" if base.mean_sigma is not None else ""
    if base.times == 1:
        return f"{text}once {since}, {name} {'the same way' if base.same_sign else 'not the same way'}{mean}"
    share = f"{base.same_sign / base.times:.0%}".replace("%", " %")
    return f"{text}{count_text(base.times)} times {since}, {name} the same way in {base.same_sign} ({share}){mean}"
