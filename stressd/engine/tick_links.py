"""Links within the day: a breach by ticks, answered by the ticks of every other market.

Each market answers through one gauge declared beforehand, in its own open time and its own sigma; a follower need not
breach. A pulse of the gauge answers as soon as it can be put down to the source (`attribution`); where there was none,
the move over the whole window answers, against the pair's usual co-movement and ranked in the gauge's own past.
Closed markets are named at once, and judged at their open and at their close. Silence is never left to be guessed.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine import pulse_answer, window_answer
from stressd.engine.events import ENTERED, Breach, Event
from stressd.engine.evidence import Evidence
from stressd.engine.pulse import BEGAN, LONGEST, MINUTE_PASSED, SETTLED, SHAPED, Pulse
from stressd.engine.pulse_answer import SUDDEN
from stressd.engine.question import REOPENING, SILENT, WINDOW, Question, load_question, question_key
from stressd.engine.series import SeriesState
from stressd.engine.silence import unseen
from stressd.engine.spec import HOUR

REMEMBERED: Final = 12 * HOUR
"""How long what was said can still be refined or taken back."""

LATE: Final = HOUR // 2
"""How long after it began a pulse is read again when late ticks come."""

QUICK: Final = ("1m", "5m")
LINKS: Final = ("followed", "spilled over")


class TickLinks:
    """The questions that ticks answer (by key; told: those answered, for what may follow), and the evidence."""

    __slots__ = ("_answered", "evidence", "questions", "told")

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.questions: dict[str, Question] = {}
        self.told: dict[str, Question] = {}
        # Those of them that a pulse answered, by its number.
        self._answered: dict[int, list[Question]] = {}

    # --- ticks --------------------------------------------------------------------------------------------------------

    def on_block(self, state: SeriesState) -> None:
        """Five minutes of trading of a gauge are over."""
        self.evidence.past[state.market].block(state)

    def on_tick(self, state: SeriesState, taken: bool, at: int, out: list[Event]) -> bool:
        """A gauge has ticked. taken: the tick is its newest value. Whether the next deadline may be another one."""
        watch = self.evidence.attribution.watches[state.market]
        if not taken:
            if state.horizons.ring.late == watch.late:
                return False
            watch.late = state.horizons.ring.late
            self._late(state, at, out)
            return True
        found = watch.tick(state)
        if found == 0:
            return False
        heard = False
        if found & MINUTE_PASSED != 0:
            self.evidence.minute(state)
            heard = self._heard(state)
        if found & BEGAN != 0:
            self._tell(self.evidence.attribution.begin(state), False, at, out)
        elif found & SHAPED != 0 and watch.active is not None:
            self.evidence.attribution.again(watch.active, state)
            self._tell(watch.active, False, at, out)
        elif found & SETTLED != 0:
            self._settle(state, at, out)
        return heard or found != MINUTE_PASSED

    def _heard(self, state: SeriesState) -> bool:
        """A gauge ticks: what waited for its voice is asked anew. Whether anything did."""
        heard = False
        for asked in self.questions.values():
            if asked.mode == SILENT and asked.follower == state.market and state.t > asked.breach_at:
                asked.mode = WINDOW
                asked.answer_by = self.evidence.clocks[state.market].after_open_time(state.t, self.evidence.spec.window)
                asked.deadline = asked.answer_by
                heard = True
        return heard

    def _settle(self, state: SeriesState, at: int, out: list[Event]) -> None:
        pulse = self.evidence.attribution.settle(state)
        self.evidence.weigh()
        self._tell(pulse, True, at, out)
        if pulse.large:
            self._again(pulse, at, out)

    def _late(self, state: SeriesState, at: int, out: list[Event]) -> None:
        """A late tick has changed what is known of the gauge's last hour."""
        for pulse in self.evidence.attribution.pulses[state.market]:
            if state.t - pulse.onset <= LATE:
                self.evidence.attribution.again(pulse, state)
                self._tell(pulse, True, at, out)
                self._again(pulse, at, out)

    def _again(self, source: Pulse, at: int, out: list[Event]) -> None:
        """More is known of a pulse that others may be put down to: weigh those anew that have answered, and those that
        may answer a question about its market."""
        about = (source.market, source.sign)
        waited_for = {each.follower for each in self.questions.values() if (each.market, each.direction) == about}
        for market, pulses in self.evidence.attribution.pulses.items():
            if market == source.market:
                continue
            for pulse in pulses:
                if pulse.sign != source.sign or abs(pulse.half - source.half) > SUDDEN * 3:
                    continue
                if market in waited_for or pulse.number in self._answered:
                    self.evidence.attribution.share_out(pulse, False)
                    self._tell(pulse, False, at, out)

    # --- asking -------------------------------------------------------------------------------------------------------

    def ask(self, breach: Breach, begun: int, market: str, gauge: SeriesState, out: list[Event]) -> None:
        """Ask one market, or ask again because the breach has grown. begun: ns, of the episode."""
        key = question_key(breach.rule, breach.market, breach.direction, market, begun)
        pending = self.questions.get(key)
        if pending is not None:
            self._ask_again(pending, breach)
            self._look_back(pending, breach.at, out)
            return
        if key in self.told:
            return
        clock = self.evidence.clocks[market]
        clock.move(breach.time)
        asked = Question(breach.rule, breach.market, breach.direction, market, begun)
        asked.mode = WINDOW if clock.is_open else REOPENING
        asked.breach_at, asked.source, asked.size = breach.time, breach.series, abs(breach.z)
        asked.source_value, asked.source_time = breach.reference_value, breach.reference_time
        why_not = window_answer.anchor(self.evidence, asked, gauge)
        if why_not:
            asked.wording = "could not respond"
            asked.deadline = breach.time
            self._remember(asked, breach.at)
            out.append(asked.response(gauge.id, "could not respond", breach.at, breach.time, True, why_not))
            return
        self._set_times(asked)
        self.questions[key] = asked
        if asked.mode == REOPENING:
            opens = clock.calendar.next_open(breach.time)
            why_not = f"closed ({clock.why_closed(breach.time)})"
            response = asked.response(gauge.id, "could not respond", breach.at, breach.time, False, why_not)
            response.next_open = opens
            out.append(response)
        elif silent := unseen(gauge.silences, True):
            self._wait(asked, silent, breach.at, breach.time, out)
        else:
            self._look_back(asked, breach.at, out)

    def _wait(self, asked: Question, reason: str, at: int, time: int, out: list[Event]) -> None:
        """The follower is open, but cannot be seen: until it ticks again, at most until its close."""
        asked.mode = SILENT
        closes = self.evidence.clocks[asked.follower].calendar.next_close(time)
        asked.answer_by = asked.deadline = min(closes, time + REMEMBERED)
        gauge = self.evidence.gauges[asked.follower]
        out.append(asked.response(gauge.id, "could not respond", at, time, False, reason))

    def prepare(self, breach: Breach) -> None:
        """A breach is about to be asked about: its sudden move is one that others may be put down to."""
        found = False
        for pulse in self.evidence.attribution.pulses.get(breach.market, []):
            if pulse.sign == breach.direction and -SUDDEN <= pulse.onset - breach.time <= 0:
                found = True
                pulse.large = pulse.large or breach.horizon in QUICK
        state = self.evidence.series[breach.series]
        if not found and breach.horizon in QUICK and self.evidence.gauges.get(breach.market) is not state:
            self.evidence.attribution.breached(state, breach.direction, breach.reference_value, breach.time)

    def _ask_again(self, asked: Question, breach: Breach) -> None:
        """The breach has grown while its question was open: the answer counts from here, the moves from where they
        began."""
        same = breach.time == asked.breach_at
        if same and abs(breach.z) > asked.size:
            window_answer.change_source(self.evidence, asked, breach)
        if same or breach.phase == ENTERED:
            return
        asked.breach_at = breach.time
        self._set_times(asked)

    def _set_times(self, asked: Question) -> None:
        clock = self.evidence.clocks[asked.follower]
        asked.answer_by = clock.after_open_time(asked.breach_at, self.evidence.spec.window)
        asked.deadline = asked.answer_by
        if asked.mode == REOPENING and asked.opened:
            asked.deadline = clock.calendar.next_close(asked.breach_at)

    # --- answering by pulses ------------------------------------------------------------------------------------------

    def _look_back(self, asked: Question, at: int, out: list[Event]) -> None:
        """The follower may have answered before the source's move was a breach."""
        for pulse in self.evidence.attribution.pulses[asked.follower]:
            if pulse.sign == asked.direction and pulse.half >= asked.source_time - SUDDEN:
                self.evidence.attribution.share_out(pulse, False)
                self._tell(pulse, False, at, out)

    def _tell(self, pulse: Pulse, refine: bool, at: int, out: list[Event]) -> None:
        """Answer what this pulse answers, and mend what was said of it. refine: it was measured anew."""
        for asked in list(self._answered.get(pulse.number, [])):
            if asked.follower == pulse.market:
                self._mend(asked, pulse, refine, at, out)
        for asked in list(self.questions.values()):
            if (
                asked.follower != pulse.market
                or asked.direction != pulse.sign
                or not pulse_answer.concerns(asked, pulse)
            ):
                continue
            parent = self.evidence.attribution.find(pulse.parent) if pulse.parent != 0 else None
            if parent is not None and parent.market == asked.market and pulse_answer.caused(asked, parent):
                asked.via = ""
                self._link(asked, pulse, parent, at, out)
            elif parent is not None and parent.market != asked.market:
                asked.via = parent.market
            elif asked.market in pulse.common:
                self._link(asked, pulse, pulse_answer.beside(self.evidence, asked, pulse), at, out)

    def _link(self, asked: Question, pulse: Pulse, source: Pulse | None, at: int, out: list[Event]) -> None:
        """The pulse answers the question: say so."""
        if source is None:
            return
        del self.questions[asked.key()]
        asked.pulse = pulse.number
        asked.wording = pulse_answer.word(self.evidence, asked, pulse, source)
        self._remember(asked, at)
        edge = self.evidence.attribution.edge(asked.market, asked.follower)
        if asked.wording != "co-moved":
            edge.told += 1
        out.append(pulse_answer.measured(self.evidence, asked, pulse, source, at))

    def _remember(self, asked: Question, at: int) -> None:
        """The question is answered; the first that were, if that is long ago, are forgotten."""
        while self.told:
            old = next(iter(self.told.values()))
            if at - old.deadline <= REMEMBERED:
                break
            del self.told[old.key()]
            if old.pulse != 0:
                self._answered[old.pulse].remove(old)
                if not self._answered[old.pulse]:
                    del self._answered[old.pulse]
        self.told[asked.key()] = asked
        if asked.pulse != 0:
            self._answered.setdefault(asked.pulse, []).append(asked)

    def _mend(self, asked: Question, pulse: Pulse, refine: bool, at: int, out: list[Event]) -> None:
        """More is known of the pulse that answered: refine what was said, or take it back. refine: its figures are
        new."""
        parent = self.evidence.attribution.find(pulse.parent) if pulse.parent != 0 else None
        before = asked.wording
        if parent is not None and parent.market == asked.market:
            word = pulse_answer.word(self.evidence, asked, pulse, parent)
            # evidence on the pair may fade later; what was earned stands
            asked.wording = before if before == "spilled over" else word
            if refine or asked.wording != before:
                out.append(pulse_answer.measured(self.evidence, asked, pulse, parent, at))
        elif not pulse.settled:
            # what is not clear yet takes nothing back
            return
        elif asked.market in pulse.common and (beside := pulse_answer.beside(self.evidence, asked, pulse)) is not None:
            asked.wording = "co-moved"
            response = pulse_answer.measured(self.evidence, asked, pulse, beside, at)
            if before in LINKS:
                response.was = before
                response.reason = "the ticks do not tell which of the two moved first"
            if refine or before != "co-moved":
                out.append(response)
        elif before != "did not respond":
            asked.wording = "did not respond"
            gauge = self.evidence.gauges[asked.follower]
            response = asked.response(gauge.id, "did not respond", at, max(pulse.half, asked.breach_at), True)
            response.was = before
            if parent is not None:
                response.via = parent.market
            response.reason = pulse_answer.why_not(self.evidence, asked, pulse)
            out.append(response)
        if before in LINKS and asked.wording not in LINKS:
            self.evidence.attribution.edge(asked.market, asked.follower).told -= 1

    # --- answering by the whole window --------------------------------------------------------------------------------

    def due(self, now: int, out: list[Event]) -> None:
        """Settle the pulses and the questions whose time has come, each at its own time."""
        while True:
            due = self.next_deadline()
            if due == 0 or due > now:
                return
            for market, watch in self.evidence.attribution.watches.items():
                if watch.deadline() == due:
                    self._settle(self.evidence.gauges[market], due, out)
            for key in sorted(key for key, asked in self.questions.items() if asked.deadline == due):
                asked = self.questions.get(key)
                if asked is not None:
                    self._judge(asked, due, out)

    def next_deadline(self) -> int:
        """The earliest time at which `due` has something to do; 0 for none."""
        earliest = 0
        for watch in self.evidence.attribution.watches.values():
            deadline = watch.deadline()
            if deadline != 0 and (earliest == 0 or deadline < earliest):
                earliest = deadline
        for asked in self.questions.values():
            if earliest == 0 or asked.deadline < earliest:
                earliest = asked.deadline
        return earliest

    def _judge(self, asked: Question, due: int, out: list[Event]) -> None:
        """A window, or the session after a reopening, is over."""
        gauge = self.evidence.gauges[asked.follower]
        active = self.evidence.attribution.watches[asked.follower].active
        if active is not None and active.sign == asked.direction and active.onset <= due and asked.mode == WINDOW:
            # its move is still under way: the answer comes when it has settled
            asked.deadline = active.onset + LONGEST
            return
        first = asked.mode == REOPENING and not asked.opened
        reason = unseen(gauge.silences, gauge.t > asked.breach_at)
        if first:
            asked.opened = True
            asked.deadline = self.evidence.clocks[asked.follower].calendar.next_close(asked.answer_by)
            if reason:
                return
        if reason and asked.mode == WINDOW and unseen(gauge.silences, True):
            self._wait(asked, reason, due, due, out)
            return
        answer = window_answer.measure(self.evidence, asked, gauge, due, first)
        bar = self.evidence.spec.bar if asked.mode == WINDOW else self.evidence.spec.open_bar if first else 0.0
        if asked.mode == REOPENING and not first and answer.p is None:
            reason = reason or f"only {answer.p_of} of its days are known to compare with"
        if not reason and asked.via == "" and window_answer.follows(self.evidence, asked, gauge, answer, bar):
            wording = "followed"
            self.evidence.attribution.edge(asked.market, asked.follower).told += 1
        elif first:
            return
        else:
            wording = "did not respond"
        del self.questions[asked.key()]
        asked.wording = "could not respond" if reason else wording
        self._remember(asked, due)
        if reason:
            out.append(asked.response(gauge.id, "could not respond", due, due, True, reason))
            return
        response = asked.response(gauge.id, wording, due, due, True)
        source_bp = (self.evidence.series[asked.source].y - asked.source_value) * 100.0
        response.measured(gauge.y, asked.value, asked.time, answer.z, answer.excess, answer.usual, source_bp)
        if asked.mode == REOPENING and not first:
            response.resolution = "1d"
        half = due if response.resolution == "1d" else window_answer.half_time(asked, gauge, due)
        if asked.mode == WINDOW and wording == "followed" and half - asked.breach_at <= self.evidence.spec.co_move:
            response.wording = asked.wording = "co-moved"
        response.lag = half - asked.breach_at
        response.open_lag = self.evidence.clocks[asked.follower].calendar.open_between(asked.breach_at, half)
        response.p = answer.p
        response.p_of = answer.p_of
        response.base = self.evidence.fixings.base_rate(asked.source, asked.follower, asked.size * asked.direction)
        response.via = asked.via
        out.append(response)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "evidence": self.evidence.state(),
            "questions": [asked.state() for asked in self.questions.values()],
            "told": [asked.state() for asked in self.told.values()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        self.evidence.load(state["evidence"])
        self.questions = self._kept(state["questions"])
        self.told = self._kept(state["told"])
        self._answered = {}
        for asked in self.told.values():
            if asked.pulse != 0:
                self._answered.setdefault(asked.pulse, []).append(asked)

    def _kept(self, rows: list[list[Any]]) -> dict[str, Question]:
        kept: dict[str, Question] = {}
        for row in rows:
            asked = load_question(row)
            if (
                asked.follower in self.evidence.gauges
                and asked.market in self.evidence.gauges
                and asked.source in self.evidence.series
            ):
                kept[asked.key()] = asked
        return kept
