"""Publishers' files: the real ones whole, every wrong one refused by line."""

from __future__ import annotations

import gzip
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.lab.faults import UnreadFile
from stressd.lab.publishers import read_daily
from stressd.market.times import day_iso, parse_day

MOF = (
    "Interest Rate,,,(Unit : %)\nDate,2Y,10Y,30Y\n2026/1/16,1.205,2.182,3.462\n2026/1/19,1.23,2.266,3.562\n"
    "2026/1/20,1.22,2.33,3.765\n"
)
FRED = "observation_date,DGS10\n2026-01-16,4.24\n2026-01-19,\n2026-01-20,4.30\n"
WIDE = "date,JP.GOV.30Y,US.GOV.10Y\n2026-01-19,3.562,\n2026-01-20,3.765,4.30\n"
TREASURY = (
    'Date,"1 Mo","1.5 Month","2 Mo","10 Yr","30 Yr"\n01/20/2026,3.75,3.74,3.70,4.30,4.91\n'
    "01/16/2026,3.76,,3.71,4.24,4.83\n"
)


def write(folder: Path, text: str, name: str = "x.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(UnreadFile) as caught:
        read_daily(path)
    return [str(fault).removeprefix(f"{path.parent}/") for fault in caught.value.faults]


def test_the_ministrys_whole_history_is_read_within_five_seconds(shared: Path) -> None:
    begun = time.perf_counter()
    file = read_daily(shared / "data" / "jgb" / "jgbcme_all.csv")
    assert time.perf_counter() - begun < 5.0
    assert (file.layout, file.source, file.convention) == ("MoF", "MoF", "semi-annual")
    assert [day_iso(day) for day in file.days()] == ["1974-09-24", "2026-06-30"]
    assert file.values() == 162_937
    thirty = dict(file.series["JP.GOV.30Y"])
    assert day_iso(min(thirty)) == "1999-09-02"
    january = [thirty[parse_day(f"2026-01-{day}")] for day in (16, 19, 20, 21)]
    assert january == [3.462, 3.562, 3.765, 3.647]
    assert dict(file.series["JP.GOV.40Y"])[parse_day("2026-01-20")] == 3.901


def test_each_of_freds_files_is_read_and_holidays_have_no_value(shared: Path) -> None:
    read = [read_daily(path) for path in sorted((shared / "data" / "ust").glob("DGS*.csv"))]
    names = sorted(name for file in read for name in file.series)
    assert names == sorted(f"US.GOV.{t}" for t in ("1M", "3M", "6M", "1Y", "2Y", "5Y", "10Y", "20Y", "30Y"))
    assert {file.source for file in read} == {"FRED"}
    ten = next(dict(file.series["US.GOV.10Y"]) for file in read if "US.GOV.10Y" in file.series)
    assert len(ten) == 5287
    assert parse_day("2026-01-19") not in ten
    assert [ten[parse_day(f"2026-01-{day}")] for day in (16, 20, 21)] == [4.24, 4.30, 4.26]


def test_other_real_files_are_no_yields(shared: Path) -> None:
    for path in ("dy2012/dy2012.csv", "ofr_fsi/ofr_fsi.csv", "SOURCES.md"):
        with pytest.raises(UnreadFile):
            read_daily(shared / "data" / path)


def test_the_ministrys_japanese_edition_has_era_dates_and_shift_jis(tmp_path: Path) -> None:
    text = (
        "国債金利情報,,,(単位 : %)\r\n基準日,2年,10年\r\nS49.9.24,9.362,8.127\r\nH1.1.9,-,4.8\r\nR8.1.20,1.22,2.33\r\n"
    )
    path = tmp_path / "jgbcm.csv"
    path.write_bytes(text.encode("cp932"))
    file = read_daily(path)
    assert [day_iso(day) for day, _ in file.series["JP.GOV.10Y"]] == ["1974-09-24", "1989-01-09", "2026-01-20"]
    assert len(file.series["JP.GOV.2Y"]) == 2


def test_the_treasurys_par_curve_runs_backwards_and_is_put_in_order(tmp_path: Path) -> None:
    file = read_daily(write(tmp_path, TREASURY))
    assert (file.source, file.convention) == ("Treasury", "semi-annual")
    assert file.series["US.GOV.10Y"] == [(parse_day("2026-01-16"), 4.24), (parse_day("2026-01-20"), 4.30)]
    assert list(file.series) == ["US.GOV.1M", "US.GOV.2M", "US.GOV.10Y", "US.GOV.30Y"]


def test_fred_gives_several_columns_and_dots_too(tmp_path: Path) -> None:
    file = read_daily(write(tmp_path, "observation_date,DGS2,DGS3MO\n2026-01-16,3.59,.\n2026-01-20,3.60,3.7\n"))
    assert {name: len(rows) for name, rows in file.series.items()} == {"US.GOV.2Y": 2, "US.GOV.3M": 1}


@pytest.mark.parametrize("text", [MOF, FRED, WIDE, TREASURY])
def test_content_decides_not_the_name_nor_gzip_nor_line_ends(tmp_path: Path, text: str) -> None:
    plain = read_daily(write(tmp_path, text, "a.txt"))
    packed = tmp_path / "b.dat"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()))
    assert read_daily(packed).series == plain.series


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "x.csv: error: the file is empty"),
        ("hello\n", "x.csv:1: error: no daily file that is known here"),
        ("date,JP.GOV.30\n2026-01-20,3.7\n", "x.csv:1: error: series 'JP.GOV.30'"),
        ("date,JP.GOV.30Y,JP.GOV.30Y\n2026-01-20,3.7,3.7\n", "x.csv:1: error: JP.GOV.30Y stands in two columns"),
        (WIDE.replace("3.765", "3,765"), "x.csv:3: error: 4 columns where the header has 3"),
        (WIDE.replace("3.765", "n.v."), "x.csv:3: error: JP.GOV.30Y: 'n.v.' is no number"),
        (WIDE.replace("3.765", "376.5"), "x.csv:3: error: JP.GOV.30Y: 376.5 is no yield in percent"),
        (WIDE.replace("3.765", "nan"), "x.csv:3: error: JP.GOV.30Y: nan is no yield in percent"),
        (WIDE.replace("2026-01-20", "20.01.2026"), "x.csv:3: error: date '20.01.2026' is not an ISO date"),
        (WIDE + "2026-01-20,3.7,4.3\n", "x.csv:4: error: 2026-01-20 was given before, on line 3"),
        ("date,JP.GOV.30Y\n2026-01-20,\n", "x.csv: error: the file has a header but no value"),
        (FRED.replace("DGS10", "DFII10"), "x.csv:1: error: 'DFII10' is none of FRED's Treasury yields"),
        (FRED.replace("2026-01-19,", "2026-01-1x,"), "x.csv:3: error: date '2026-01-1x' is not an ISO date"),
        (MOF[:-8], "x.csv:5: error: 3 columns where the header has 4"),
        (MOF.replace("2026/1/19", "2026/13/19"), "x.csv:4: error: '2026/13/19' is no date"),
        (MOF + FRED, "x.csv:6: error: 'observation_date' is no date of the form YYYY/M/D"),
        (MOF.partition("\n")[0] + "\n2026/1/16,1,2,3\n", "x.csv:2: error: the MoF's title row is not followed"),
        (TREASURY.replace('"10 Yr"', '"10 Yards"'), "x.csv:1: error: '10 Yards' is no column of the Treasury's par"),
        (TREASURY.replace("01/16/2026", "2026-01-16"), "x.csv:3: error: '2026-01-16' is no date of the form MM/DD"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert faults(write(tmp_path, text))[0].startswith(expected)


def test_every_fault_is_told_up_to_twenty(tmp_path: Path) -> None:
    lines = [f"{date(2026, 1, 1) + timedelta(days=day)},x" for day in range(30)]
    assert len(faults(write(tmp_path, "date,JP.GOV.30Y\n" + "\n".join(lines)))) == 20
    assert len(faults(write(tmp_path, "date,JP.GOV.30Y\n" + "\n".join(lines[:3])))) == 3


def test_damaged_gzip_and_binary_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(MOF.encode() * 50)[:-20])
    assert "the gzip file is damaged" in faults(path)[0]
    path.write_bytes(b"\x80\x81\xff\xfe\x00")
    assert faults(path)[0].startswith("x.csv.gz")
    assert faults(tmp_path / "absent.csv")[0] == "absent.csv: error: no such file or directory"


@given(
    st.dictionaries(
        st.dates(date(1970, 1, 1), date(2100, 1, 1)),
        st.tuples(*[st.none() | st.integers(-500, 20_000)] * 2),
        min_size=1,
        max_size=30,
    )
)
def test_a_wide_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: dict[date, tuple[int | None, int | None]]
) -> None:
    names = ("JP.GOV.30Y", "US.GOV.10Y")
    want = {
        name: [(day.toordinal(), row[i] / 1000) for day, row in sorted(table.items()) if row[i] is not None]
        for i, name in enumerate(names)
    }
    want = {name: rows for name, rows in want.items() if rows}
    text = f"date,{','.join(names)}\n" + "".join(
        f"{day},{','.join('' if value is None else str(value / 1000) for value in row)}\n" for day, row in table.items()
    )
    path = write(tmp_path_factory.mktemp("wide"), text)
    if want:
        assert read_daily(path).series == want
    else:
        assert faults(path) == ["x.csv: error: the file has a header but no value"]
