"""Backups: complete or absent, checked before they are believed, and put back without losing what they replace."""

from __future__ import annotations

import os
import random
import sqlite3
import tarfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.cli.main import main
from stressd.store import Commit, Store, StoreError
from stressd.store.backup import FILE, KEY, file_name, make, prune, restore, verify
from stressd.store.schema import VERSION

NOW = 1_768_889_100_000_000_000
Make = Callable[..., Any]


def filled(state: Path, sent: Make, episodes: int = 3) -> Path:
    store = Store.open(state)
    for number in range(episodes):
        one = sent("slack", "mail", episode=f"JP-260120-{number:04d}")
        store.commit(Commit([one], {"episodes": b"{}"})).result(10)
    store.save_snapshot("engine", 1, bytes(range(256)) * 40).result(10)
    store.close()
    (state / KEY).write_text("ab" * 32 + "\n")
    return state


def content(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / FILE)) as connection:
        return list(connection.iterdump())


def backed_up(state: Path, to: Path) -> Path:
    return make(state, to, version="0.1.0", method="1", now=NOW)[0]


def refusal(file: Path, state: Path) -> str | None:
    """What a restore is refused with; None where it is done."""
    try:
        restore(file, state, now=NOW)
    except StoreError as error:
        return str(error)
    return None


def test_what_is_restored_is_what_was_there_and_what_it_replaces_is_kept(tmp_path: Path, sent: Make) -> None:
    state = filled(tmp_path / "state", sent)
    before = content(state)
    file, manifest = make(state, tmp_path, version="0.1.0", method="1", now=NOW)
    assert file.name == "stressd-20260120T060500Z.tar" == file_name(NOW)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (manifest.open_episodes, manifest.undelivered, manifest.schema, manifest.instance) == (3, 6, VERSION, "test")
    filled(state, sent, episodes=5)
    later = content(state)
    _, aside = restore(file, state, now=NOW)
    assert content(state) == before
    assert (state / KEY).read_text() == "ab" * 32 + "\n"
    assert (state / FILE).stat().st_mode & 0o777 == 0o600
    assert aside is not None
    assert content(aside) == later
    assert not list(state.glob(".*"))
    elsewhere = tmp_path / "another" / "host"
    assert restore(file, elsewhere, now=NOW)[1] is None
    assert content(elsewhere) == before


def test_a_backup_of_a_busy_store_is_one_instant_of_it_and_holds_nobody_up(tmp_path: Path, sent: Make) -> None:
    state = filled(tmp_path / "state", sent, episodes=1)
    store = Store.open(state)
    stop = threading.Event()
    written = []

    def write() -> None:
        while not stop.is_set():
            one = sent("slack", episode=f"US-260120-{len(written):05d}")
            store.commit(Commit([one], {"episodes": b"%d" % len(written)})).result(10)
            written.append(one.event.id)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            before = len(written)
            file = make(state, tmp_path / f"{number}.tar", version="0", method="1", now=NOW)[0]
            after = len(written)
            place = tmp_path / f"restored-{number}"
            restore(file, place, now=NOW)
            with closing(Store.open(place)) as copy:
                count = len(copy.episodes()) - 1
                assert before <= count <= after + 1
                assert int(copy.machine()["episodes"]) == count - 1 if count else True
    finally:
        stop.set()
        writer.join()
        store.close()
    assert len(written) > 20


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damaged_backup_is_ever_restored(tmp_path: Path, sent: Make, data: st.DataObject) -> None:
    state = tmp_path / "state"
    good = tmp_path / "good.tar"
    if not good.exists():
        filled(state, sent)
        backed_up(state, good)
    whole = good.read_bytes()
    # the end of a tar is zeros: damage there changes nothing
    used = len(whole.rstrip(b"\0"))
    at = data.draw(st.integers(0, used - 1))
    how = data.draw(st.sampled_from(["cut", "flip", "zero"]))
    damaged = bytearray(whole)
    if how == "cut":
        del damaged[at:]
    elif how == "flip":
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
    else:
        damaged[at : at + 600] = bytes(len(damaged[at : at + 600]))
    bad = tmp_path / "bad.tar"
    bad.write_bytes(damaged)
    before = content(state)
    elsewhere = tmp_path / "elsewhere"
    refused = refusal(bad, elsewhere)
    if refused is not None:
        assert str(bad) in refused
        assert not (elsewhere / FILE).exists()
    else:
        # damage of what is no content (a file's date in the tar's header) does no harm
        assert content(elsewhere) == before
        (elsewhere / FILE).unlink()


def test_a_tar_or_a_store_of_somebody_else_is_refused_in_words(tmp_path: Path, sent: Make) -> None:
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as archive:
        archive.add(__file__, "etc/passwd")
    with pytest.raises(StoreError, match="no backup of stressd"):
        verify(other)
    text = tmp_path / "notes.txt"
    text.write_text("not a backup at all" * 100)
    with pytest.raises(StoreError, match="is no backup, or a damaged one"):
        verify(text)
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(StoreError, match="not one of stressd's"):
        verify(foreign)
    with pytest.raises(StoreError, match="No such file"):
        verify(tmp_path / "absent.tar")


def test_a_backup_cannot_write_outside_the_state(tmp_path: Path, sent: Make) -> None:
    state = filled(tmp_path / "state", sent)
    file = backed_up(state, tmp_path)
    with tarfile.open(file) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]
    evil = tmp_path / "evil.tar"
    members["manifest.json"] = members["manifest.json"].replace(b'"links.key"', b'"../../links.key"')
    members["../../links.key"] = members.pop("links.key")
    with tarfile.open(evil, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            (tmp_path / "member").write_bytes(data)
            with (tmp_path / "member").open("rb") as opened:
                archive.addfile(info, opened)
    with pytest.raises(StoreError, match="none of a state"):
        restore(evil, tmp_path / "a" / "b", now=NOW)
    assert not (tmp_path / "links.key").exists()


def test_the_state_of_a_daemon_at_work_is_not_replaced(tmp_path: Path, sent: Make) -> None:
    state = filled(tmp_path / "state", sent)
    file = backed_up(state, tmp_path)
    before = content(state)
    with closing(Store.open(state, owner=True)), pytest.raises(StoreError, match="already keeps its state here"):
        restore(file, state, now=NOW)
    assert content(state) == before


def test_a_backup_of_a_newer_version_is_refused_and_one_of_an_older_is_taken(tmp_path: Path, sent: Make) -> None:
    state = filled(tmp_path / "state", sent)
    with closing(sqlite3.connect(state / FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    file = make(state, tmp_path, version="9.9.9", method="1", now=NOW)[0]
    with pytest.raises(StoreError, match=r"written by a newer stressd \(9\.9\.9\).*restore it with that version"):
        restore(file, tmp_path / "new", now=NOW)
    old = tmp_path / "old" / FILE
    old.parent.mkdir()
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript((Path(__file__).parent / "version_1.sql").read_text())
        connection.execute("INSERT INTO machine VALUES ('episodes', x'7b7d')")
        connection.commit()
    restore(old, state, now=NOW)
    with closing(Store.open(state)) as store:
        assert store.machine() == {"episodes": b"{}"}
    assert (state / f"{FILE}.v1").exists()


@pytest.mark.parametrize("fails", range(8))
def test_a_restore_that_fails_at_any_step_leaves_the_state_as_it_was(
    tmp_path: Path, sent: Make, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    state = filled(tmp_path / "state", sent)
    file = backed_up(state, tmp_path)
    filled(state, sent, episodes=4)
    before, names = content(state), sorted(each.name for each in state.iterdir())
    true, calls = os.replace, 0

    def failing(source: Path, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == fails + 1:
            raise OSError(5, "Input/output error")
        true(source, target)

    monkeypatch.setattr(os, "replace", failing)
    refused = refusal(file, state)
    if refused is not None:
        assert "Input/output error" in refused
        assert content(state) == before
        assert sorted(each.name for each in state.iterdir() if each.name != "stressd.lock") == names
    else:
        assert calls <= fails


def test_only_the_newest_backups_are_kept(tmp_path: Path) -> None:
    times = [NOW + number * 3_600_000_000_000 for number in range(5)]
    random.Random(1).shuffle(times)
    for time in times:
        (tmp_path / file_name(time)).touch()
    (tmp_path / "notes.tar").touch()
    prune(tmp_path, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "notes.tar", file_name(NOW + 3 * 3_600_000_000_000), file_name(NOW + 4 * 3_600_000_000_000)
    ]  # fmt: skip


def test_the_commands_say_what_they_did_and_what_they_refuse(
    tmp_path: Path, sent: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    state, folder = filled(tmp_path / "state", sent), tmp_path / "backups"
    folder.mkdir()
    assert main(["backup", "--to", str(folder), "--keep", "3", "--state", str(state)]) == 0
    said = capsys.readouterr().out
    (file,) = folder.iterdir()
    assert said.startswith(f"{file}: state of ")
    assert "3 open episodes, 6 deliveries to make" in said
    assert main(["backup", "--verify", str(file)]) == 0
    assert main(["restore", str(file), "--state", str(state)]) == 0
    told = capsys.readouterr()
    assert "what was there is in" in told.err
    assert main(["backup", "--verify", str(tmp_path / "none")]) == 1
    assert main(["backup", "--to", str(folder), "--state", str(tmp_path / "empty")]) == 1
    assert "there is no state here to back up" in capsys.readouterr().err
    assert main(["backup", "--to", str(tmp_path / "no" / "such"), "--state", str(state)]) == 1
