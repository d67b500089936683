"""19 to 21 January 2026 through the whole pipeline, after eight simulated weeks: `python benchmarks/seed_day.py`.

What must be so is asserted in tests/lab/test_seed_day.py; this prints the figures.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from stressd.cli.watched import of_config
from stressd.config.load import load_text
from stressd.lab.bridges import Bridges
from stressd.lab.demo import calendars, config_text
from stressd.lab.scenario import load_scenario
from stressd.lab.seed_day import MORE, SCENARIO, watch
from stressd.market.times import iso
from stressd.runtime.registry import registry


def main() -> None:
    began = time.process_time()
    scenario = load_scenario(SCENARIO)
    text = config_text(scenario, "mqtt://127.0.0.1:1883", console=False) + MORE
    loaded = load_text(text, Path("seed-day.yaml"), registry())
    found = watch(of_config(loaded), Bridges(scenario, calendars(scenario)), lambda said: print(said, file=sys.stderr))
    print(f"series whose ticks are judged by their own tail: {sum(p == 'live' for p in found.phases.values())} of "
          f"{len(found.phases)}")  # fmt: skip
    opened = found.opened()
    if opened is not None:
        print(f"Tokyo opens   {opened.time}  {opened.headline}")
        print(f"              the path crosses the bar at {iso(found.seen)}: {found.late_s():+.0f} s")
    closed = found.closed()
    if closed is not None:
        opens = f"{closed.next_open} ({closed.next_open_local})"
        print(f"New York      {closed.wording}: {closed.reason}; next open {opens}")
    for at, each in found.answers("JP", "US"):
        said = [f"  JP -> US    {at}  {each.wording}"]
        if each.lag_s is not None:
            said.append(f"lag {each.lag_s / 3600.0:.1f} h, of which open {(each.open_lag_s or 0.0) / 60.0:.0f} min")
        if each.change_bp is not None:
            said.append(f"{each.change_bp:+.1f}bp, p {each.p} of {each.p_of}")
        print("  ".join([*said, each.reason or ""]))
    for market in ("UK", "DE"):
        said = [f"{at[5:16]} {each.wording}" for at, each in found.answers("JP", market)]
        print(f"  JP -> {market}    {'; '.join(said) or '-'}")
    print(f"told of feeds {len(found.silences())}; that Tokyo follows New York {len(found.backwards())}")
    print(f"messages      {len(found.events)}, episodes {len({event.episode for event in found.events})}")
    for at, reading in found.stress.items():
        if at[11:13] in ("00", "05", "13", "20") and reading["value"] is not None:
            parts = " ".join(f"{name} {part:.2f}" for name, part in reading["markets"].items())
            print(f"  stress      {at[:16]}  {reading['value']:.2f}: {parts} correlation {reading['correlation']:.2f}")
    print(f"{time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
