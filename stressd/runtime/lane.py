"""What waits for one sink: a queue per episode, the order among them, and the sink's own pace."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from stressd.alerts.event import Event
from stressd.runtime.breaker import Breaker
from stressd.sinks.base import Sink, Traits
from stressd.store import Told

REMEMBERED: Final = 2_000
"""Episodes of which a lane remembers what the sink was told; the store knows of the others."""

LATENCIES: Final = 1_024


class Item:
    """One undelivered event. since: of its commit, monotonic s, so that no change of the machine's clock makes it late
    or old. event: None where it is to be read from the store. repeat: an earlier attempt may have arrived.
    fallback_for: the sink in whose place this one is told. placed: it was seen to whether another stands in here.
    withheld: lines of what this sink was not told meanwhile."""

    __slots__ = (
        "attempts", "event", "event_id", "fallback_for", "kind", "placed", "repeat", "seq", "since", "type",
        "withheld",
    )  # fmt: skip

    def __init__(
        self,
        event_id: str,
        seq: int,
        type_: str,
        kind: str,
        since: float,
        event: Event | None = None,
        fallback_for: str | None = None,
        withheld: tuple[str, ...] = (),
    ) -> None:
        self.event_id = event_id
        self.seq = seq
        self.type = type_
        self.kind = kind
        self.since = since
        self.event = event
        self.fallback_for = fallback_for
        self.withheld = withheld
        self.attempts = 0
        self.repeat = False
        self.placed = False

    def for_another(self, sink: str) -> Item:
        """The same event for whoever stands in for `sink`."""
        return Item(self.event_id, self.seq, self.type, self.kind, self.since, self.event, sink, self.withheld)


class Waiting:
    """Undelivered events of one episode, oldest first. busy: how many of them the attempt under way stands for; the
    last of these is the one that is sent. under_way: from the moment it is taken until it is pushed back. due:
    monotonic s; 0 for what has not failed."""

    __slots__ = ("busy", "due", "episode", "failing_since", "failures", "queue", "under_way")

    def __init__(self, episode: str) -> None:
        self.episode = episode
        self.queue: list[Item] = []
        self.busy = 0
        self.under_way = False
        self.failures = 0
        self.failing_since = 0.0
        self.due = 0.0

    def holds(self, event_id: str) -> bool:
        return any(item.event_id == event_id for item in self.queue)

    def add(self, item: Item) -> None:
        """In order of seq, behind what is under way."""
        place = len(self.queue)
        while place > self.busy and self.queue[place - 1].seq > item.seq:
            place -= 1
        self.queue.insert(place, item)
        for older in self.queue[self.busy : -1]:
            older.event = None


@dataclass(slots=True)
class Tally:
    """What became of a sink's deliveries since the start, and the newest trouble."""

    outcomes: Counter[str]
    latencies: deque[float]
    last_error: str = ""
    failing_since: float | None = None
    delivered_at: float | None = None
    """Monotonic s of the first of the failures that no success has ended yet."""


class Lane:
    """One sink's queue. An episode whose message waits for a retry holds up only itself; what has not failed yet goes
    before what has, so that an outage's backlog does not hold up what is new."""

    def __init__(self, name: str, sink: Sink, draw: Callable[[], float] = random.random) -> None:
        self.name = name
        self.sink = sink
        self.traits: Traits = getattr(sink, "traits", Traits())
        self.waiting: dict[str, Waiting] = {}
        self.told: OrderedDict[str, Told] = OrderedDict()
        self.unsettled: set[str] = set()
        self.disabled: str | None = None
        self.paused_until = 0.0
        self.breaker = Breaker(draw)
        self.tally = Tally(Counter(), deque(maxlen=LATENCIES))
        self.wake = asyncio.Event()
        self.workers: list[asyncio.Task[None]] = []
        self.retired = False
        self._fresh: deque[Waiting] = deque()
        self._retries: list[tuple[float, int, Waiting]] = []
        self._pushed = 0
        self._tokens = float(self.traits.burst)
        self._filled = 0.0

    @property
    def healthy(self) -> bool:
        """Whether it takes messages, as far as is known."""
        return self.disabled is None and not self.breaker.open

    def fails(self, since: float) -> bool:
        """Whether it takes no messages: it is disabled, or has failed without a break since then (monotonic s)."""
        failing = self.tally.failing_since
        return self.disabled is not None or (self.breaker.open and failing is not None and failing <= since)

    def holds(self, episode: str, event_id: str) -> bool:
        """Whether the event waits here, or is under way."""
        waiting = self.waiting.get(episode)
        return waiting is not None and waiting.holds(event_id)

    def adopt(self, old: Lane) -> None:
        """Go on with what waited for this sink under its former configuration; its workers have ended."""
        self.tally, self.told, self.unsettled = old.tally, old.told, old.unsettled
        self.waiting = old.waiting
        for waiting in list(self.waiting.values()):
            if waiting.busy:
                # Cut off in the middle of its attempt
                waiting.queue[waiting.busy - 1].repeat = True
            self.push(waiting)

    def accept(self, episode: str, item: Item, due: float = 0.0) -> None:
        """Queue an event; what is there already is left alone. due: monotonic s, of one that failed before."""
        waiting = self.waiting.get(episode)
        if waiting is None:
            waiting = self.waiting[episode] = Waiting(episode)
            waiting.add(item)
            if due:
                waiting.due, waiting.failing_since, waiting.failures = due, due, item.attempts
            self.push(waiting)
        elif not waiting.holds(item.event_id):
            waiting.add(item)

    def push(self, waiting: Waiting) -> None:
        """Make an episode that is not under way available again; forget it where nothing of it waits."""
        waiting.busy, waiting.under_way = 0, False
        if not waiting.queue:
            self.waiting.pop(waiting.episode, None)
        elif waiting.due:
            self._pushed += 1
            heapq.heappush(self._retries, (waiting.due, self._pushed, waiting))
        else:
            self._fresh.append(waiting)
        self.wake.set()

    def ready_in(self, now: float) -> float | None:
        """Seconds until `take` has something: 0 if it has, None if nothing waits."""
        if not self._fresh and not self._retries:
            return None
        wait = self.breaker.wait(now)
        if wait is None:
            return None
        due = 0.0 if self._fresh else self._retries[0][0] - now
        return max(due, wait, self.paused_until - now, self._next_token(now), 0.0)

    def take(self, now: float) -> Waiting:
        """The next episode; to be called when `ready_in` says 0. It is under way until `push`."""
        if self.traits.per_second is not None:
            self._tokens -= 1.0
        waiting = self._fresh.popleft() if self._fresh else heapq.heappop(self._retries)[2]
        waiting.busy = len(waiting.queue)
        waiting.under_way = True
        self.breaker.begin()
        return waiting

    def release(self) -> None:
        """The other side is back: nothing waits for its own turn to be tried again."""
        inorder = sorted(self._retries, key=lambda entry: entry[:2])
        self._retries = [(0.0, number, waiting) for number, (_, _, waiting) in enumerate(inorder)]
        self.wake.set()

    def forget(self, event_ids: Collection[str]) -> None:
        """Somebody gave these up. What is under way stays so."""
        for waiting in list(self.waiting.values()):
            kept = [item for item in waiting.queue[waiting.busy :] if item.event_id not in event_ids]
            lost = len(waiting.queue) - waiting.busy - len(kept)
            if lost:
                waiting.queue[waiting.busy :] = kept
                self.lose(waiting.episode, lost)
                if not waiting.queue and not waiting.under_way:
                    del self.waiting[waiting.episode]
        self._fresh = deque(waiting for waiting in self._fresh if waiting.queue)
        self._retries = [entry for entry in self._retries if entry[2].queue]
        heapq.heapify(self._retries)

    def clear(self) -> list[Item]:
        """Drop everything that waits, and return it; what is under way stays so."""
        self._fresh.clear()
        self._retries.clear()
        dropped: list[Item] = []
        for waiting in self.waiting.values():
            dropped += waiting.queue[waiting.busy :]
            self.lose(waiting.episode, len(waiting.queue) - waiting.busy)
            del waiting.queue[waiting.busy :]
        self.waiting = {episode: waiting for episode, waiting in self.waiting.items() if waiting.under_way}
        return dropped

    def remember(self, episode: str, told: Told) -> None:
        self.told[episode] = told
        self.told.move_to_end(episode)
        while len(self.told) > REMEMBERED:
            self.told.popitem(last=False)

    def lose(self, episode: str, count: int) -> None:
        """So many of an episode went to the dead letters: the next message speaks of them."""
        told = self.told.get(episode)
        if told is not None:
            self.remember(episode, replace(told, lost=told.lost + count))

    def complaint(self, fallback: str | None) -> str:
        """One sentence on a sink that takes no messages."""
        count = sum(len(waiting.queue) for waiting in self.waiting.values())
        why = f"is disabled ({self.disabled})" if self.disabled is not None else f"fails ({self.tally.last_error})"
        wait = "nothing waits" if not count else "1 message waits" if count == 1 else f"{count} messages wait"
        return f"{self.name} {why}: {wait}" + (f"; {fallback} is told instead" if fallback else "")

    def report(self, monotonic: float) -> dict[str, Any]:
        """For the status and the metrics. Ages and latencies in s; latency is from commit to acceptance."""
        items = [item for waiting in self.waiting.values() for item in waiting.queue]
        seen = sorted(self.tally.latencies)
        failing = self.tally.failing_since
        return {
            "name": self.name,
            "outcomes": {k: self.tally.outcomes[k] for k in ("delivered", "failed", "dead", "merged")},
            "pending": len(items),
            "oldest_age_s": max(monotonic - item.since for item in items) if items else None,
            "disabled": self.disabled,
            "breaker": self.breaker.state,
            "failing_s": None if failing is None else monotonic - failing,
            "last_error": self.tally.last_error or None,
            "delivered_s": None if self.tally.delivered_at is None else monotonic - self.tally.delivered_at,
            "latency_p50_s": seen[len(seen) // 2] if seen else None,
            "latency_p99_s": seen[len(seen) * 99 // 100] if seen else None,
        }

    def _next_token(self, now: float) -> float:
        rate = self.traits.per_second
        if rate is None:
            return 0.0
        self._tokens = min(float(self.traits.burst), self._tokens + (now - self._filled) * rate)
        self._filled = now
        return 0.0 if self._tokens >= 1.0 - 1e-9 else (1.0 - self._tokens) / rate


def working(lanes: Collection[Lane]) -> list[str]:
    """Those that have taken a message since the first of those that fail began to."""
    tallies = {lane.name: lane.tally for lane in lanes}
    since = min((each.failing_since for each in tallies.values() if each.failing_since is not None), default=0.0)
    return [
        name
        for name, each in tallies.items()
        if each.failing_since is None and each.delivered_at is not None and each.delivered_at >= since
    ]
