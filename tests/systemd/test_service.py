"""The service under a real systemd: start, status, secrets, sandbox, journal, reload, watchdog, restart, stop.

One installation and one open episode for all of them; each leaves the service running. What this machine's kernel does
not do is not shown: MemoryMax= (its controllers are not delegated).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd import hang
from tests.systemd.host import CONFIG, KEY, LAST, PASSWORD, Host

SECRETS = (PASSWORD, KEY, KEY.removeprefix("whsec_"))


@pytest.fixture(autouse=True)
def running(host: Host) -> Iterator[None]:
    """Before each test, and after it: the shipped unit and the usual configuration at work."""
    if host.show("ActiveState") != "active":
        host.run("systemctl start stressd")
    host.until_connected()
    yield
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG)
    host.settings({})


ASKS = """
import http.client, socket, sys
class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/lib/stressd/stressd.sock")
asked = Local("localhost", timeout=60)
for _ in range(20):
    asked.request("GET", sys.argv[1])
    answer = asked.getresponse()
    said = answer.read().decode()
    if answer.status != 202:
        break
print(answer.status, said)
"""


def test_start_returns_when_the_daemon_is_ready_and_not_before(host: Host) -> None:
    host.run("systemctl stop stressd")
    done = host.run("systemctl start stressd; stressd status --json", check=False)
    status = json.loads(done.stdout)
    assert status["pid"] == host.process()
    assert host.show("ActiveState") == "active"
    [started] = host.journal("EVENT=daemon.started", f"_PID={status['pid']}")
    active = host.said('date +%s%6N -d "$(systemctl show stressd --timestamp=us+utc --value -p ActiveEnterTimestamp)"')
    assert int(started["_SOURCE_REALTIME_TIMESTAMP"]) <= int(active)


def test_the_status_line_is_what_the_daemon_says_of_itself(host: Host) -> None:
    host.machine.until(lambda: "1 of 1 feeds connected" in host.show("StatusText"), 20, "the line has changed")
    assert host.show("StatusText") == "1 of 1 feeds connected, 3 of 3 series can alert, 1 open episodes"
    assert 'Status: "1 of 1 feeds connected' in host.said("systemctl status --no-pager stressd")


def test_it_runs_as_a_user_of_its_own_who_may_do_nothing_but_its_work(host: Host) -> None:
    pid = host.process()
    about = dict(re.findall(r"^(\w+):\s+(.*)$", host.said(f"cat /proc/{pid}/status"), re.MULTILINE))
    assert 61184 <= int(about["Uid"].split()[0]) <= 65519
    assert (about["CapEff"], about["CapBnd"]) == ("0" * 16, "0" * 16)
    assert (about["NoNewPrivs"], about["Seccomp"]) == ("1", "2")
    assert host.said(f"awk '/core file/ {{print $5, $6}}' /proc/{pid}/limits") == "0 0"
    assert host.show("OOMScoreAdjust") == "-500"
    for folder in ("/etc", "/usr", "/opt/stressd/", "/var/tmp/../lib"):
        tried = host.run(f"nsenter -t {pid} -m touch {folder}/written", check=False)
        assert "Read-only file system" in tried.stderr, folder
    assert host.said(f"nsenter -t {pid} -m ls -A /home /root /tmp") == "/home:\n\n/root:\n\n/tmp:"


def test_a_report_is_made_by_a_process_of_its_own_under_the_same_restrictions(host: Host) -> None:
    host.machine.write("/srv/asks.py", ASKS)
    page = host.said(f"/opt/stressd/bin/python /srv/asks.py /api/v1/episodes/{host.episode}/report.html")
    assert page.startswith("200 <!doctype html>")
    assert host.episode in page
    assert "<svg" in page, "it was made of the recording too"


def test_its_state_directory_is_its_own_and_closed_to_others(host: Host) -> None:
    uid = host.said(f"stat -c %u /proc/{host.process()}")
    assert host.said("readlink /var/lib/stressd") == "private/stressd"
    assert host.said("stat -c '%a %u' /var/lib/private/stressd") == f"700 {uid}"
    files = host.said("stat -c '%a %u %n' /var/lib/private/stressd/*").splitlines()
    assert any(line.endswith("/stressd.db") for line in files)
    for line in files:
        mode, owner, name = line.split(" ", 2)
        assert owner == uid, line
        assert int(mode, 8) & 0o007 == 0, line
        assert mode in ("600", "700") or name.endswith("/stressd.sock"), line


def test_secrets_come_as_credentials_and_appear_nowhere_else(host: Host) -> None:
    pid = host.process()
    place = "/run/credentials/stressd.service"
    assert host.said(f"tr '\\0' '\\n' < /proc/{pid}/environ | grep ^CREDENTIALS") == f"CREDENTIALS_DIRECTORY={place}"
    assert host.said(f"cat {place}/mqtt_password") == PASSWORD
    modes = host.said(f"stat -c %a {place} {place}/mqtt_password {place}/hook_secret").split()
    assert all(int(mode, 8) & 0o077 == 0 or mode in ("550", "440") for mode in modes), modes
    assert host.status()["feeds"][0]["messages"] >= 0
    shown = (
        f"cat /proc/{pid}/environ /proc/{pid}/cmdline | tr '\\0' '\\n'; systemctl show stressd; systemctl cat stressd;"
        "journalctl -u stressd -o export --all; stressd status --json || true; stressd deliveries list --json || true;"
        "/opt/stressd/bin/python -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:9800/metrics\").read())';"
        "ps auxww; cat /etc/stressd/stressd.yaml; cat -v /var/lib/private/stressd/*.db*"
    )
    for secret in SECRETS:
        assert secret not in host.said(shown)


def test_every_line_of_the_log_is_found_by_its_fields_in_the_journal(host: Host) -> None:
    [entry] = host.journal("EVENT=episode.opened", f"EPISODE={host.episode}")
    [opened] = [each for each in host.told() if each["type"] == "opened" and each["episode"] == host.episode]
    assert (entry["HEADLINE"], entry["SEVERITY"]) == (opened["headline"], opened["severity"])
    assert (entry["SINKS"], entry["PRIORITY"]) == ('["hook"]', "6")
    assert entry["MESSAGE"].startswith(f"episode.opened episode={host.episode} ")
    assert entry["_TRANSPORT"] == "journal"
    assert entry["_SYSTEMD_UNIT"] == "stressd.service"
    assert host.journal("EVENT=delivery.delivered", "SINK=hook")
    assert host.journal("EVENT=feed.connected", "FEED=desk")
    assert {each["_TRANSPORT"] for each in host.journal(f"_PID={host.process()}")} == {"journal"}


def test_log_format_json_keeps_lines_of_json_in_the_journal(host: Host) -> None:
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG + "log: {format: json}\n")
    host.run("systemctl restart stressd")
    lines = host.journal(f"_PID={host.process()}")
    assert "daemon.started" in {json.loads(each["MESSAGE"])["event"] for each in lines}
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG)
    host.run("systemctl restart stressd")


def test_reload_returns_when_the_new_configuration_is_at_work_in_the_same_process(host: Host) -> None:
    before, pid = host.status(), host.process()
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG.replace("[4.5%]", "[4.6%]"))
    host.run("systemctl reload stressd")
    after = host.status()
    assert after["config"]["digest"] != before["config"]["digest"]
    assert after["config"]["rejected"] is None
    assert (host.process(), host.show("NRestarts"), host.show("ActiveState")) == (pid, "0", "active")
    assert host.episode in host.episodes()
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG)
    host.run("systemctl reload stressd")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("type: sigma", "type: sigmma"), "unknown rule type `sigmma`"),
        (("{file: mqtt_password}", "{file: no_such_secret}"), "no_such_secret"),
    ],
)
def test_reload_of_a_bad_file_fails_and_harms_nothing(host: Host, change: tuple[str, str], said: str) -> None:
    before, pid = host.status(), host.process()
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG.replace(*change))
    done = host.run("systemctl reload stressd", check=False)
    assert done.returncode == 1
    assert said in " ".join(each["MESSAGE"] for each in host.journal("EVENT=config.rejected"))
    assert (host.process(), host.show("ActiveState"), host.show("SubState")) == (pid, "active", "running")
    assert "the last configuration was refused, the one before runs on" in host.show("StatusText")
    after = host.status()
    assert after["config"]["digest"] == before["config"]["digest"]
    assert any(said in fault for fault in after["config"]["rejected"]["faults"])
    assert after["feeds"][0]["state"] == "connected"
    assert host.episode in host.episodes()
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG)
    host.run("systemctl reload stressd")
    assert host.status()["config"]["rejected"] is None


@pytest.mark.parametrize("how", ["the process is stopped", "the pump hangs while the process lives on"])
def test_the_watchdog_ends_what_hangs_and_the_next_start_goes_on_with_the_same_episode(host: Host, how: str) -> None:
    host.settings({"WatchdogSec": "3", "RestartSec": "100ms"})
    host.run("systemctl restart stressd")
    host.until_connected()
    pid, restarts = host.process(), int(host.show("NRestarts"))
    began = time.monotonic()
    if how == "the process is stopped":
        host.run(f"kill -STOP {pid}")
    else:
        # its main thread, which pumps, never comes back from a system call; all the others run
        host.machine.write("/srv/hang.py", Path(hang.__file__).read_text(encoding="utf-8"))
        host.run(f"python3 /srv/hang.py {pid}; kill -0 {pid}")
    host.machine.until(lambda: int(host.show("NRestarts")) == restarts + 1, 30, "systemd has restarted it")
    assert time.monotonic() - began > 1.5
    assert "Watchdog timeout" in host.said("journalctl -u stressd -n 60 _PID=1")
    stacks = host.said(f"journalctl -u stressd -o cat _PID={pid}")
    assert "Fatal Python error: Aborted" in stacks
    assert "most recent call first" in stacks
    if how != "the process is stopped":
        # one that goes on when it is aborted is read while it runs: how much of its stack is seen then is chance
        assert "stressd/cli/run.py" in stacks
    host.until_connected()
    assert host.process() != pid
    assert host.episode in host.episodes()
    assert [each["id"] for each in host.told() if each["type"] == "opened"] == [f"{host.episode}.1"]


def test_after_a_kill_it_runs_again_within_seconds_and_follows_its_episode_further(host: Host) -> None:
    pid, restarts = host.process(), int(host.show("NRestarts"))
    host.run(f"kill -KILL {pid}")
    host.machine.until(lambda: int(host.show("NRestarts")) == restarts + 1, 20, "systemd has restarted it")
    host.until_connected()
    assert host.episode in host.episodes()
    jump = LAST["JP.GOV.10Y"] + 0.06
    host.publish(("JP.GOV.10Y", jump - 0.06, 70), ("JP.GOV.10Y", jump, 1), ("JP.GOV.10Y", jump + 1e-4, 0))
    further = ("EVENT=episode.widened", "EVENT=episode.escalated", f"EPISODE={host.episode}")
    host.machine.until(lambda: host.journal(*further), 20, "the jump of 10Y belongs to the same episode")
    assert len([each for each in host.told() if each["type"] == "opened"]) == 1


def test_stop_takes_what_came_and_delivers_what_is_pending_within_its_time(host: Host) -> None:
    host.machine.write("/srv/delay", "2.5")
    before = {each["id"] for each in host.told()}
    host.publish(("US.GOV.10Y", 4.55, 0), ("US.GOV.10Y", 4.5501, 0))
    began = time.monotonic()
    host.run("systemctl stop stressd")
    took = time.monotonic() - began
    host.machine.write("/srv/delay", "0")
    assert took < 30
    assert (host.show("Result"), host.show("ExecMainStatus"), host.show("ActiveState")) == ("success", "0", "inactive")
    new = [each for each in host.told() if each["id"] not in before]
    assert "four" in {each["rule"] for each in new}
    left = host.said("stressd deliveries list --json --state /var/lib/stressd").splitlines()
    assert {json.loads(line)["state"] for line in left} == {"delivered"}
    last = host.journal("EVENT=daemon.stopped")[-1]
    assert float(last["UPTIME_S"]) > 0


@pytest.mark.parametrize(
    "change",
    [("type: sigma", "type: sigmma"), ("{file: mqtt_password}", "{file: no_such_secret}")],
    ids=["file", "secret"],
)
def test_a_bad_configuration_ends_with_78_is_said_as_an_error_and_is_not_started_again(
    host: Host, change: tuple[str, str]
) -> None:
    host.run("systemctl stop stressd")
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG.replace(*change))
    done = host.run("systemctl start stressd", check=False)
    assert done.returncode != 0
    time.sleep(2.0)  # the unit's RestartSec=, twice
    assert (host.show("ActiveState"), host.show("ExecMainStatus"), host.show("NRestarts")) == ("failed", "78", "0")
    errors = host.said(f"journalctl -p err -o cat _PID={host.show('ExecMainPID')}")
    assert "stressd.yaml:" in errors
    assert change[1].split(": ")[-1].rstrip("}") in errors
    host.machine.write("/etc/stressd/stressd.yaml", CONFIG)
    host.run("systemctl reset-failed stressd; systemctl start stressd")
    host.until_connected()
    assert host.episode in host.episodes()


def test_history_imported_by_root_leaves_the_service_its_state(host: Host) -> None:
    for state in ("start", "stop"):
        host.run(f"systemctl {state} stressd; stressd history import /srv/calm.csv")
        owners = host.said("stat -c %u /var/lib/private/stressd /var/lib/private/stressd/*").split()
        assert len(set(owners)) == 1
    host.run("systemctl start stressd")
    assert host.episode in host.episodes()
