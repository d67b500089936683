"""`stressd report` on the command line: the table of a file, what is wrong with one, the report of a period."""

from __future__ import annotations

import asyncio
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from stressd.cli.main import main
from stressd.cli.watched import of_series
from stressd.lab.backtest import fixing_ticks
from stressd.lab.history import stored_daily
from stressd.lab.report.shape import REPORT, report_schema
from stressd.market.times import DAY
from stressd.runtime.snapshots import Saved, Snapshots
from stressd.store import ActionRow, Commit, Store

TABLE_KEYS = {"total", "nodes", "table", "from", "to", "net", "rows"}


def report(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    assert main(["report", *arguments]) == status
    return capsys.readouterr().out


def columns(folder: Path, rows: int = 200, seed: int = 1, names: str = "date,a,b") -> list[str]:
    chance = np.random.default_rng(seed)
    width = names.count(",")
    lines = [names]
    for k in range(rows):
        values = ",".join(f"{x:.6f}" for x in chance.standard_normal(width))
        lines.append(f"{np.datetime64('2020-01-01') + k},{values}")
    return lines


def written(folder: Path, lines: list[str]) -> str:
    path = folder / "columns.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


class Page(HTMLParser):
    """Whatever a page asks for, runs, or shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asks: list[str] = []
        self.shown = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asks += [f"{key}={value}" for key, value in attrs if key in ("src", "href", "action", "data")]
        self.asks += [f"{key}" for key, _ in attrs if key.startswith("on")]
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            assert "@import" not in data
            assert "url(" not in data
        else:
            self.shown += data


def test_the_contract_s_command_prints_the_published_table(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(shared / "data/dy2012/dy2012.csv")
    out = json.loads(report(capsys, "--connectedness", file, "--lags", "4", "--horizon", "10", "--json"))
    assert out["total"] == pytest.approx(12.592113, abs=1e-6)
    assert out["nodes"] == ["stocks", "bonds", "commodities", "fx"]
    assert out["table"][0] == pytest.approx([88.7570, 7.2912, 0.3453, 3.6065], abs=1e-4)
    assert out["cholesky_total"] == pytest.approx(8.144136, abs=1e-6)
    assert set(out) == TABLE_KEYS | {
        "cholesky_total", "lags", "horizon", "half_life", "first", "last", "observations",
    }  # fmt: skip
    text = report(capsys, "--connectedness", file, "--lags", "4", "--horizon", "10")
    assert "total connectedness 12.5921 %" in text
    assert "+5.1302" in text
    decayed = report(capsys, "--connectedness", file, "--lags", "2", "--half-life", "100", "--json")
    assert json.loads(decayed)["total"] == pytest.approx(26.965108, abs=1e-6)


def test_the_page_of_a_table_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = 'date,<script>alert(1)</script>,"R&D ""x"""'
    file = written(tmp_path, columns(tmp_path, names=names))
    page = tmp_path / "page.html"
    report(capsys, "--connectedness", file, "--lags", "1", "--window", "60", "--html", str(page))
    found = Page(page.read_text(encoding="utf-8"))
    assert found.asks == []
    assert "script" not in found.tags
    assert {"table", "svg", "polyline"} <= set(found.tags)
    assert "<script>alert(1)</script>" in found.shown
    assert 'R&D "x"' in found.shown


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (lambda lines: ["day,a,b", *lines[1:]], ":1:", "date: the first column is 'day'"),
        (lambda lines: ["date,a,a", *lines[1:]], ":1:", "a: stands in two columns"),
        (lambda lines: ["date,a", *(line.rpartition(",")[0] for line in lines[1:])], ":1:", "needs two"),
        (lambda lines: [*lines[:5], lines[5].rpartition(",")[0], *lines[6:]], ":6:", "b: no column for it"),
        (lambda lines: [*lines[:5], lines[5].rpartition(",")[0] + ",", *lines[6:]], ":6:", "b: no value"),
        (
            lambda lines: [*lines[:5], lines[5].rpartition(",")[0] + ",n.k.", *lines[6:]],
            ":6:",
            "b: 'n.k.' is no number",
        ),
        (lambda lines: [*lines[:5], lines[5].rpartition(",")[0] + ",inf", *lines[6:]], ":6:", "b: inf is not finite"),
        (lambda lines: [*lines[:5], lines[4], *lines[5:]], ":6:", "date: 2020-01-04 does not come after 2020-01-04"),
        (lambda lines: [*lines[:5], "soon,1,2", *lines[5:]], ":6:", "date: "),
        (lambda lines: lines[:8], ":8:", "7 rows: 2 lags of 2 nodes need at least 9"),
        (lambda lines: lines[:1], ":1:", "no row"),
        (lambda lines: [lines[0], *(line.rpartition(",")[0] + ",7" for line in lines[1:])], ":1:", "b: it is constant"),
        (
            lambda lines: [lines[0], *(f"{x.rpartition(',')[0]},{1.05**k}" for k, x in enumerate(lines[1:]))],
            ":1:",
            "b: the autoregression explodes",
        ),
    ],
)
def test_a_bad_file_is_refused_by_line_and_column(
    change: Any, where: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, change(columns(tmp_path)))
    assert main(["report", "--connectedness", file, "--lags", "2", "--json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{file}{where} error: " in err
    assert words in err


def test_options_that_do_not_go_together_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, columns(tmp_path))
    assert main(["report", "--connectedness", file, "--window", "50", "--half-life", "10"]) == 1
    assert "--window and --half-life" in capsys.readouterr().err
    assert main(["report", "--lags", "4", "--daily", file]) == 1
    assert "--lags goes with --connectedness" in capsys.readouterr().err
    assert main(["report", "--connectedness", str(tmp_path / "none.csv")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["report", "--connectedness", file, "--lags", "0"]) == 2
    assert main(["report", "--connectedness", file, "--window", "500"]) == 1
    assert "a window of 500 rows where the file has 200" in capsys.readouterr().err


# --- the periodic report ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four years of two markets: what New York does on a date, Tokyo does by half on the next; nothing goes back."""
    chance = np.random.default_rng(6)
    path = tmp_path_factory.mktemp("linked") / "daily.csv"
    lines = ["date,JP.GOV.10Y,JP.GOV.30Y,US.GOV.10Y"]
    jp10, jp30, us = 1.0, 2.0, 4.0
    before = 0.0
    day = np.datetime64("2018-01-01")
    for k in range(1460):
        if (k % 7) < 5:
            own = 0.02 * chance.standard_t(5)
            jp10 += 0.5 * before + own
            jp30 += 0.5 * before + own + 0.005 * chance.standard_normal()
            before = 0.03 * chance.standard_t(5)
            us += before
            lines.append(f"{day + k},{jp10:.4f},{jp30:.4f},{us:.4f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


PERIOD_KEYS = set(REPORT)


def test_a_period_from_daily_files_has_every_part_with_its_n(linked: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = json.loads(report(capsys, "--daily", linked, "--days", "365", "--json"))
    assert set(out) == PERIOD_KEYS
    jsonschema.Draft202012Validator(report_schema()).validate(out)
    assert out["form"] == 1
    assert out["period"] == {"since": "2020-12-31", "until": "2021-12-30", "days": 365}
    assert {row["market"]: row["sessions"] for row in out["exposure"]} == {"JP": 261, "US": 261}
    moves = out["connectedness"]["moves"]
    assert moves["nodes"] == ["JP", "US"]
    assert moves["total"] > moves["chance_95"]
    assert moves["net_transmitters"][0][0] == "US"
    assert moves["percentile_n"] == len(moves["path"])
    flows = {(row["source"], row["follower"], row["step"]): row for row in out["lags"]["fixings"]}
    assert flows["US", "JP", 1]["r"] > 0.4
    assert flows["US", "JP", 1]["real"]
    assert abs(flows["JP", "US", 1]["r"]) < 0.1
    assert not flows["JP", "US", 1]["real"]
    assert flows["US", "JP", 1]["overlap_h"] > 0.0
    assert flows["US", "JP", 1]["n"] > 900
    assert out["lags"]["directions"][0]["stronger"] == ["US", "JP"]
    assert out["lags"]["directions"][0]["told"]
    orders = {(tuple(row["order"]), row["side"]): row for row in out["co_exceedances"]["history"]}
    together = orders[("US", "JP"), "rises"]["counts"][2]
    assert together["days"] > 2.0 * together["expected"]
    assert (
        sum(count["days"] for count in orders[("JP", "US"), "falls"]["counts"]) == orders[("JP", "US"), "falls"]["days"]
    )
    opened = sum(row["episodes"] for row in out["episodes"]["by_rule"])
    assert f"{opened} episode" in out["findings"][0]


def test_the_text_says_which_way_the_flow_goes(linked: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = report(capsys, "--daily", linked, "--gauges")
    assert "US → JP is the stronger flow" in out
    assert "net transmitters: US" in out
    assert "90 days, from 1 file" in out


def test_the_period_s_page_stands_alone(linked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    report(capsys, "--daily", linked, "--html", str(page))
    found = Page(page.read_text(encoding="utf-8"))
    assert found.asks == []
    assert "script" not in found.tags
    assert found.tags.count("svg") >= 4
    assert "US → JP is the stronger flow" in found.shown


def test_a_period_without_fixings_is_refused(linked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--daily", linked, "--until", "1999-01-01"]) == 1
    assert "there is something from 2018-01-01" in capsys.readouterr().err
    assert main(["report", "--daily", linked, "--since", "2021-01-01", "--until", "2020-01-01"]) == 1
    assert "before it begins" in capsys.readouterr().err
    assert main(["report", "--state", str(tmp_path)]) == 1
    assert "--daily FILE" in capsys.readouterr().err


def test_the_report_of_the_store_is_that_of_the_files(
    linked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "import", linked, "--state", str(tmp_path)]) == 0
    stored = json.loads(report(capsys, "--state", str(tmp_path), "--json"))
    straight = json.loads(report(capsys, "--daily", linked, "--json"))
    assert stored.pop("made_of") != straight.pop("made_of")
    assert stored == straight


def test_one_market_alone_gets_what_can_be_told_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = columns(tmp_path, rows=300, names="date,JP.GOV.10Y")
    file = written(
        tmp_path, [lines[0], *(f"{x.partition(',')[0]},{1.0 + 0.01 * k % 0.3:.3f}" for k, x in enumerate(lines[1:]))]
    )
    out = json.loads(report(capsys, "--daily", file, "--json"))
    assert out["connectedness"]["moves"]["total"] is None
    assert "two markets" in out["connectedness"]["moves"]["why_not"]
    assert out["lags"]["fixings"] == []
    jsonschema.Draft202012Validator(report_schema()).validate(out)
    assert "none, two markets" in report(capsys, "--daily", file)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An afternoon of two markets: London does what New York did, half a minute later."""
    chance = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("recorded") / "ticks.csv"
    us = 4.0 + np.cumsum(chance.standard_normal(5000)) * 0.001
    uk = 4.5 + np.concatenate((np.zeros(30), us[:-30] - 4.0))
    begin = np.datetime64("2025-01-08T13:00:00")
    lines = ["time,series,value"]
    for k in range(5000):
        lines += [f"{begin + k}Z,US.GOV.10Y,{us[k]:.4f}", f"{begin + k}Z,UK.GOV.10Y,{uk[k]:.4f}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_ticks_alone_say_who_moves_first(recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    out = json.loads(report(capsys, "--ticks", recorded, "--json", "--html", str(page)))
    assert out["period"] == {"since": "2025-01-08", "until": "2025-01-08", "days": 1}
    (pair,) = out["lags"]["ticks"]["pairs"]
    assert (pair["first"], pair["second"], pair["lag_s"]) == ("US.GOV.10Y", "UK.GOV.10Y", 30.0)
    assert pair["significant"]
    assert out["episodes"]["made_of"] == "the rules run over the ticks"
    assert "US.GOV.10Y → UK.GOV.10Y" in Page(page.read_text(encoding="utf-8")).shown
    text = report(capsys, "--ticks", recorded)
    assert "US.GOV.10Y -> UK.GOV.10Y" in text
    assert "30 s" in text


def test_a_tick_file_that_cannot_be_read_is_told_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, ["time,series,value", "2025-01-08T13:00:00Z,US.GOV.10Y,x"])
    assert main(["report", "--ticks", file]) == 1
    assert f"{file}:2: error:" in capsys.readouterr().err


def test_the_report_of_a_daemon_has_what_it_told_and_what_it_learned(
    linked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "import", linked, "--state", str(tmp_path)]) == 0
    store = Store.open(tmp_path)
    daily = stored_daily(store)
    setup = of_series(daily)
    ticks = fixing_ticks(daily, setup.spec)
    pipeline = setup.pipeline(ticks[0].received, "live")
    told = [*pipeline.feed(ticks), *pipeline.advance(ticks[-1].received + DAY)]
    store.commit(Commit(routed=told)).result()
    first, second = [each.event.episode for each in told if each.event.type == "opened"][-2:]
    judged = [(first, "maria", "useful"), (second, "maria", "useful"), (second, "joe", "noise: a fat finger")]
    rows = [ActionRow(DAY + n, who, "cli", "labelled", episode, word) for n, (episode, who, word) in enumerate(judged)]
    store.commit(Commit(actions=rows)).result()
    asyncio.run(Snapshots(store).save(Saved(pipeline.engine.now, pipeline.engine.snapshot())))
    store.close()
    out = json.loads(report(capsys, "--state", str(tmp_path), "--days", "1460", "--json"))
    opened = [each.event for each in told if each.event.type == "opened" and each.event.kind == "market"]
    assert len(opened) > 20
    assert out["episodes"]["made_of"] == "the daemon"
    assert sum(row["episodes"] for row in out["episodes"]["by_rule"]) == len(opened)
    (labels,) = [row for row in out["episodes"]["labels"] if row["useful"]]
    assert (labels["useful"], labels["noise"], labels["disputed"], labels["useful_share"]) == (1, 1, 1, 0.5)
    assert labels["unlabelled"] == labels["episodes"] - 2
    assert any("alerts: 1 useful and 1 noise" in sentence for sentence in out["findings"])
    assert out["links"]["made_of"].startswith("the daemon's state of 2021-12-31")
    edges = {(row["source"], row["follower"]): row for row in out["links"]["edges"]}
    assert edges["US", "JP"]["sources"] > 10
    assert edges["US", "JP"]["rate_low"] <= edges["US", "JP"]["rate"] <= edges["US", "JP"]["rate_high"]
    index = out["stress_index"]
    assert index["date"] == "2021-12-30"
    assert index["percentile_n"] == len(index["days"]) > 200
    for day in index["days"]:
        assert sum(day["markets"].values()) + day["correlation"] == pytest.approx(day["value"], abs=1e-9)
        assert sum(day["dimensions"].values()) + day["correlation"] == pytest.approx(day["value"], abs=1e-9)
    jsonschema.Draft202012Validator(report_schema()).validate(out)
    page = tmp_path / "page.html"
    report(capsys, "--state", str(tmp_path), "--html", str(page))
    found = Page(page.read_text(encoding="utf-8"))
    assert "Who followed whom" in found.shown
    assert "Stress index" in found.shown
    assert found.asks == []
    report(capsys, "--state", str(tmp_path), "--days", "1460", "--html", str(page))
    found = Page(page.read_text(encoding="utf-8"))
    assert "What people thought of them" in found.shown
    assert "1 disputed" in found.shown
    assert "LABELS by rule" in report(capsys, "--state", str(tmp_path), "--days", "1460")
