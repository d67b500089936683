"""stressd as a service on a machine of its own, and what a desk has around it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.pages import commands
from tests.systemd.machine import Machine

SECOND = 1_000_000_000
LAST = {"JP.GOV.30Y": 3.562, "JP.GOV.10Y": 2.2, "US.GOV.10Y": 4.23}
PASSWORD = "mqtt-password-" + "b1f0a7c2"
KEY = "whsec_" + "c2VjcmV0LW9mLXRoZS1ob29rLTAxMjM0NTY3ODk="

CONFIG = """
instance: systemd-desk
listen: 127.0.0.1:9800
markets:
  JP: {calendar: always, tenors: [10Y, 30Y]}
  US: {calendar: always, tenors: [10Y]}
feeds:
  - name: desk
    type: mqtt
    url: "mqtt://127.0.0.1:1883"
    username: stressd
    password: {file: mqtt_password}
    topics: "yields/{market}/{tenor}"
    qos: 1
    payload: {format: json, value: value, time: time}
rules:
  - {name: sigma-breach, type: sigma, series: "*", horizons: [1m, 1d], sigma: {warn: 3, high: 4, critical: 6}}
  - {name: four, type: level, series: "US.*", above: [4.5%], severity: info}
routes:
  - match: {kind: [market]}
    sinks: [hook]
  - match: {kind: [feed, self]}
    sinks: [hook]
sinks:
  - {name: hook, type: webhook, url: "http://127.0.0.1:9000/", secret: {file: hook_secret}}
"""

SECRETS = """
[Service]
LoadCredential=mqtt_password:/etc/stressd/secrets/mqtt_password
LoadCredential=hook_secret:/etc/stressd/secrets/hook_secret
"""

BROKER = "listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /srv/passwords\nuser root\n"

HOOK = '''
"""Takes webhooks, each after the seconds in /srv/delay, and keeps what they say in /srv/told."""
import http.server, time

class Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(float(open("/srv/delay").read()))
        with open("/srv/told", "ab") as file:
            file.write(body + b"\\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args): pass

http.server.ThreadingHTTPServer(("127.0.0.1", 9000), Taker).serve_forever()
'''

PUBLISH = """
import json, sys
import paho.mqtt.publish
messages = []
for series, tick in json.load(open("/srv/ticks.json")):
    market, _, tenor = series.split(".")
    messages.append((f"yields/{market}/{tenor}", json.dumps(tick), 1, False))
paho.mqtt.publish.multiple(messages, "127.0.0.1", 1883, auth={"username": "stressd", "password": sys.argv[1]})
"""


class Host:
    """The service on its machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run = machine.run
        self.said = machine.said
        self.episode = ""

    def install(self, root: Path, release: str) -> None:
        """As docs/install.md says, from the release's folder alone."""
        page = root / "docs/install.md"
        self.run("rm -rf ~/.local/state/stressd")  # of whoever uses this machine otherwise
        for block in commands(page, "The program"):
            self.run(f"cd {release}\n{block}", timeout=170)
        self.run(f"cd {release}\n{commands(page, 'The configuration')[0]}")
        self.run(f"install -m 0644 {release}/systemd/stressd.service /etc/systemd/system/")
        self.machine.write("/etc/stressd/stressd.yaml", CONFIG)
        self.run("install -d -m 0700 /etc/stressd/secrets")
        self.machine.write("/etc/stressd/secrets/mqtt_password", PASSWORD + "\n", "0600")
        self.machine.write("/etc/stressd/secrets/hook_secret", KEY + "\n", "0600")
        self.machine.write("/etc/systemd/system/stressd.service.d/secrets.conf", SECRETS)
        self.run("systemctl daemon-reload")

    def start_desk(self) -> None:
        """The broker, and whoever is told."""
        self.machine.write("/srv/broker.conf", BROKER)
        self.machine.write("/srv/hook.py", HOOK)
        self.machine.write("/srv/delay", "0")
        self.machine.write("/srv/publish.py", PUBLISH)
        self.run(
            f"mosquitto_passwd -b -c /srv/passwords stressd {PASSWORD}\n"
            "systemd-run --quiet --unit=broker mosquitto -c /srv/broker.conf\n"
            "systemd-run --quiet --unit=hook python3 /srv/hook.py"
        )

    def open_an_episode(self) -> None:
        """Three hours of calm ticks as history, the first start, then a jump of JP 30Y that comes from the broker."""
        self.machine.write("/srv/calm.csv", calm())
        self.run("stressd history import --state /var/lib/stressd /srv/calm.csv; systemctl start stressd")
        self.until_connected()
        for series, value in LAST.items():
            self.publish((series, value, 75), (series, value + 1e-4, 70))
        self.publish(("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.05, 0), ("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0502, 0))
        self.machine.until(self.episodes, 30, "an episode is open")
        [self.episode] = self.episodes()
        self.machine.until(self.told, 30, "it was told")

    def publish(self, *ticks: tuple[str, float, float]) -> None:
        """Through the broker: series, percent, seconds ago."""
        now = time.time_ns()
        rows = [(series, {"value": value, "time": now - int(ago * SECOND)}) for series, value, ago in ticks]
        self.machine.write("/srv/ticks.json", json.dumps(rows))
        self.run(f"/opt/stressd/bin/python /srv/publish.py {PASSWORD}")

    def status(self) -> dict[str, Any]:
        """`stressd status --json`."""
        found: dict[str, Any] = json.loads(self.run("stressd status --json", check=False).stdout)
        return found

    def answers(self) -> bool:
        return self.run("stressd status --json", check=False).stdout.startswith("{")

    def until_connected(self) -> None:
        self.machine.until(
            lambda: self.answers() and self.status()["feeds"][0]["state"] == "connected", 30, "the feed is connected"
        )

    def episodes(self) -> list[str]:
        """The open ones."""
        return [each["episode"] for each in self.status()["episodes"]]

    def told(self) -> list[dict[str, Any]]:
        """Events that the receiver has got."""
        lines = self.run("cat /srv/told", check=False).stdout.splitlines()
        return [json.loads(line)["data"] for line in lines]

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.said(f"systemctl show stressd --value -p {name}")

    def process(self) -> int:
        """The daemon's, inside the machine; 0 where none runs."""
        return int(self.show("MainPID"))

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The service's entries with these fields, oldest first."""
        words = " ".join(f"'{match}'" for match in matches)
        out = self.said(f"journalctl -u stressd -o json --all {words}")
        return [json.loads(line) for line in out.splitlines()]

    def settings(self, lines: Mapping[str, str]) -> None:
        """`systemctl edit stressd` with these, for the next start; none: as shipped."""
        path = "/etc/systemd/system/stressd.service.d/test.conf"
        if lines:
            self.machine.write(path, "[Service]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()))
        else:
            self.run(f"rm -f {path}")
        self.run("systemctl daemon-reload")


def calm() -> str:
    """Three hours of ticks, a five seconds, as a file."""
    rng = random.Random(20)
    now = time.time_ns()
    rows = ["time,series,value"]
    for series, value in LAST.items():
        path = [value]
        for _ in range(3 * 720):
            path.append(path[-1] + rng.gauss(0.0, 0.0003))
        rows += [f"{now - (back + 1) * 5 * SECOND},{series},{each:.5f}" for back, each in enumerate(path)]
    return "\n".join(rows) + "\n"
