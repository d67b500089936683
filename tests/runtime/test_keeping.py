"""What is open after a restart, for the sinks that go on telling it."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.alerts.notification import Notification
from tests.runtime.outbox_bench import JP, US, Bench, FakeSink


class KeepingSink(FakeSink):
    """Keeps telling what is open."""

    kept: list[list[str]]

    async def keep(self, standing: Sequence[Notification]) -> None:
        self.kept = [*getattr(self, "kept", []), [notification.event_id for notification in standing]]


async def test_after_a_restart_it_learns_the_newest_it_was_told_of_each_open_episode(bench: Bench) -> None:
    cluster, mail = KeepingSink("cluster"), bench.sink("mail")
    cluster.time = bench.time
    bench.sinks["cluster"] = cluster
    await bench.start()
    assert cluster.kept == [[]]
    await bench.tell("cluster", "mail", seq=1)
    await bench.tell("cluster", seq=2, type="escalated")
    await bench.tell("mail", seq=3, type="widened")
    await bench.tell("cluster", episode=US, seq=1)
    await bench.tell("cluster", episode=US, seq=2, type="resolved")
    await bench.tell("mail", episode="DE-260120-aaaa", seq=1)
    await bench.restart()
    assert cluster.kept == [[], [f"{JP}.2"]]
    assert len(mail.received) == 3
