"""Every number behind an event, in prose: its moves, who led, and how each market answered."""

from __future__ import annotations

from collections.abc import Iterator

from stressd.alerts.claims import strength
from stressd.alerts.corrections import link_text
from stressd.alerts.event import Event, Follower, SeriesMove, Source
from stressd.alerts.explain.around import around_event, around_move
from stressd.alerts.explain.recompute import recomputed
from stressd.alerts.headline import during_clauses
from stressd.alerts.words import years_text


def behind(event: Event) -> Iterator[str]:
    """Every line behind one event, without its headline."""
    if event.note:
        yield f"Note: {event.note}"
    for move in event.series:
        yield from move_lines(move, event)
    if event.shape:
        yield f"Shape of the curve: {event.shape}."
    if event.source is not None:
        yield _source(event.source, event.market)
    for follower in event.followers:
        yield follower_text(follower, event.market)
    yield from around_event(event)


def move_lines(move: SeriesMove, event: Event) -> Iterator[str]:
    """All that is said of one series."""
    yield move_text(move)
    yield from around_move(move, event)
    if move.account is not None:
        yield from recomputed(move.account)


def move_text(move: SeriesMove) -> str:
    """One series' part, each number with what it is measured against."""
    said = [f"{move.series} at {move.value:.3f}%"]
    if move.from_ is not None and move.change_bp is not None:
        said[0] += f", from {move.from_.value:.3f}% at {move.from_.time}: {move.change_bp:+.1f} bp over {move.horizon}"
    if move.level is not None:
        said.append(f"the level is {move.level:.3f}%")
    if move.sigma is not None and move.sigma_bp is not None:
        definition = f" ({move.sigma_definition})" if move.sigma_definition else ""
        bar = f"; the bar was {move.threshold:g}" if move.threshold is not None else ""
        said.append(f"that is {abs(move.sigma):.1f} times its sigma of {move.sigma_bp:.2f} bp{definition}{bar}")
    if move.during is not None:
        said.append(during_clauses(move)[0])
    if move.exceeded is not None:
        said.append(f"{move.exceeded.times} of {move.exceeded.of} past {move.exceeded.unit} were beyond that bar")
    if move.return_period_years is not None:
        low, middle, high = move.return_period_years
        said.append(f"fitted return period {years_text(middle)} ({years_text(low)} to {years_text(high)}, 80 percent)")
    if move.rank is not None:
        said.append(f"rank {move.rank} of {move.rank_of} moves in its direction")
    if move.largest_since is not None:
        began = ", where the series begins" if move.since_beginning else ""
        said.append(f"largest since {move.largest_since}{began}")
    if move.highest_since is not None:
        said.append(f"{'highest' if (move.change_bp or 0.0) >= 0.0 else 'lowest'} level since {move.highest_since}")
    return "; ".join(said) + "."


def follower_text(follower: Follower, source: str) -> str:
    """One market's answer. source: the market that it answers."""
    said = [link_text(follower.market, source, follower.wording) if strength(follower.wording) else _no_link(follower)]
    if follower.via is not None:
        said.append(f"its move is put down to {follower.via}")
    if follower.was is not None:
        said.append(f"told before and taken back: {link_text(follower.market, source, follower.was)}")
    if follower.earlier is not None:
        said.append(f"after an earlier breach of the episode: {link_text(follower.market, source, follower.earlier)}")
    if follower.series is not None and follower.change_bp is not None:
        said.append(f"{follower.series} {follower.change_bp:+.1f} bp")
    if follower.sigma is not None:
        said.append(f"{follower.sigma:+.1f} of its own sigma")
    if follower.excess_sigma is not None:
        said.append(f"{follower.excess_sigma:+.1f} sigma beyond its usual co-movement")
    said += _figures(follower)
    if follower.resolution:
        said.append(f"measured by {follower.resolution}")
    if follower.reason:
        said.append(follower.reason)
    if follower.next_open:
        said.append(f"opens {follower.next_open}")
    if follower.episode:
        said.append(f"its own episode is {follower.episode}")
    return "; ".join(said) + "."


def _no_link(follower: Follower) -> str:
    return f"{follower.market} {follower.wording}"


def _source(source: Source, market: str) -> str:
    """market: whose episode it is."""
    said = [f"Source: {source.market}, episode {source.episode} ({link_text(market, source.market, source.wording)})"]
    said += _figures(source)
    if source.was is not None:
        said.append(f"named before and taken back: {source.was}")
    return "; ".join(said) + "."


def _figures(link: Follower | Source) -> list[str]:
    """What stands behind a link, on either end of it."""
    said = []
    if link.beta is not None:
        usual = link.usual_beta if isinstance(link, Follower) else None
        said.append(f"{link.beta:.2f} bp per bp" + (f" (usually {usual:.2f})" if usual is not None else ""))
    if link.lag_s is not None:
        opened = f", {link.open_lag_s:g} s of it open" if link.open_lag_s is not None else ""
        said.append(f"after {link.lag_s:g} s{opened}")
    if link.lag_low_s is not None and link.lag_high_s is not None:
        said.append(f"between {link.lag_low_s:g} s and {link.lag_high_s:g} s of open time")
    if link.p is not None:
        among = f" among {link.p_of} comparable stretches, this one counted" if link.p_of is not None else ""
        said.append(f"p = {link.p:g}{among}")
    if link.base_rate is not None:
        base = link.base_rate
        mean = "" if base.mean_sigma is None else f", mean {base.mean_sigma:+.2f} sigma"
        said.append(
            f"{base.source} had been beyond {base.beyond:+g} sigma {base.times} times since {base.since}, and "
            f"{base.series} then moved the same way {base.same_sign} times{mean}"
        )
    return said
