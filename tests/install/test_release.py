"""What `make release` leaves in dist/: complete, installable without an index, described, and the same every time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import dependencies, wheels
from stressd import __version__
from tests.releasing import PYTHONS, make_release, python_of


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def required(folder: Path) -> dict[str, set[str]]:
    """name==version -> hashes, of the folder's requirements.txt."""
    blocks = re.split(r"\n(?=\S)", (folder / "requirements.txt").read_text().strip())
    return {b.split(" ")[0]: set(re.findall(r"sha256:([0-9a-f]{64})", b)) for b in blocks}


def test_every_file_is_in_the_sums_and_every_wheel_in_the_requirements(release: Path) -> None:
    found = hashes(release)
    sums = {line[66:]: line[:64] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert sums == {name: value for name, value in found.items() if name != "SHA256SUMS"}
    named = set().union(*required(release).values())
    assert named == {value for name, value in found.items() if name.endswith(".whl")}
    assert f"stressd=={__version__}" in required(release)


def test_it_holds_what_an_installation_needs(release: Path) -> None:
    names = set(hashes(release))
    wanted = {
        "README", "LICENSE", "CHANGELOG.md", "bom.cdx.json", "systemd/stressd.service", "config/stressd.yaml",
        "config/minimal.yaml", "config/stressd.schema.json", "config/event.schema.json", "docs/install.md",
        "docs/upgrade.md", "docs/standby.md",
    }  # fmt: skip
    assert wanted <= names
    assert release.name == f"stressd-{__version__}"


def test_every_wheel_of_ours_holds_the_page_and_its_charts_with_their_licence(release: Path) -> None:
    note = json.loads((release / "bom.cdx.json").read_text())
    [library] = [each for each in note["components"] if each["purl"].startswith("pkg:npm/")] or [None]
    if library is None:
        pytest.skip("npm is not here, or could not fetch the charting library: the release has no charts")
    assert (library["name"], library["licenses"][0]["license"]["id"]) == ("uplot", "MIT")
    assert "Permission is hereby granted" in library["licenses"][0]["license"]["text"]["content"]
    assert library["purl"] in next(d for d in note["dependencies"] if "/stressd@" in d["ref"])["dependsOn"]
    for wheel in release.glob("stressd-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = set(archive.namelist())
        assert {f"stressd/web/charts/uplot.{kind}" for kind in ("js", "css", "LICENSE", "json")} <= names
        assert {"stressd/web/page/page.html.j2", "stressd/web/page/main.js", "stressd/web/page/page.css"} <= names


def test_no_file_of_ours_names_an_index_or_this_machine(release: Path, root: Path) -> None:
    local = re.compile("|".join(map(re.escape, {str(root), str(release.parent), str(Path.home()) + "/"})))
    index = re.compile(r"py" + r"pi\.org|python" + r"hosted|https?://[^\s]*/simple")
    for path in (p for p in release.rglob("*") if p.is_file() and p.suffix != ".whl"):
        text = path.read_text(encoding="utf-8")
        assert not local.search(text), path
        assert not index.search(text), path
    for path in release.glob("stressd-*.whl"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                assert str(root).encode() not in archive.read(name), f"{path.name}: {name}"
                assert not name.endswith("direct_url.json")


@pytest.mark.parametrize("version", PYTHONS)
def test_pip_finds_everything_in_the_folder_alone(release: Path, version: str) -> None:
    dependencies.resolves(release, version)


def test_a_folder_that_lacks_a_wheel_is_no_release(release: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.mkdir()
    for path in release.iterdir():
        if path.is_file() and not path.name.startswith("msgspec-"):
            os.link(path, part / path.name)
    with pytest.raises(wheels.ReleaseError, match=r"not complete for Python 3\.12"):
        dependencies.resolves(part, "3.12")


def test_the_bill_of_materials_is_valid_and_names_each_part_with_licence_and_hashes(release: Path) -> None:
    text = (release / "bom.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    all_parts = [bill["metadata"]["component"], *bill["components"]]
    parts = [part for part in all_parts if part["purl"].startswith("pkg:pypi/")]
    assert {f"{p['name']}=={p['version']}" for p in parts} == set(required(release))
    assert {part["name"] for part in all_parts} - {part["name"] for part in parts} <= {"uplot"}
    for part in parts:
        assert part["licenses"], part["name"]
        wheels_of_part = {f["hashes"][0]["content"] for f in part["components"]}
        assert wheels_of_part == required(release)[f"{part['name']}=={part['version']}"]
    asked = next(d for d in bill["dependencies"] if d["ref"].startswith("pkg:pypi/stressd@"))["dependsOn"]
    assert {ref.partition("/")[2].partition("@")[0] for ref in asked} >= {"aiohttp", "numpy", "pydantic", "uvloop"}


def test_the_bill_of_a_wheel_that_was_changed_would_not_be_believed(release: Path) -> None:
    bill = json.loads((release / "bom.cdx.json").read_text())
    bill["components"][0]["hashes"] = [{"alg": "SHA-256", "content": "no hash"}]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is not None


def test_the_same_sources_make_the_same_release(release: Path, root: Path) -> None:
    again = make_release(root, release.parent.parent / "again")
    assert hashes(again) == hashes(release)


@pytest.mark.parametrize("version", PYTHONS)
def test_it_installs_without_an_index_by_the_documented_command(release: Path, version: str, tmp_path: Path) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"there is no Python {version} with venv on this machine")
    place = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    command = [str(place / "bin/pip"), "--isolated", "install", "-q", "--no-compile", "--no-index", "-f", "."]
    done = subprocess.run(
        [*command, "--require-hashes", "-r", "requirements.txt"], cwd=release, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    run = {"env": kept, "cwd": tmp_path, "capture_output": True, "text": True}
    said = subprocess.run([str(place / "bin/stressd"), "--version"], **run)  # type: ignore[call-overload]
    assert said.stdout == f"stressd {__version__} (engine interpreted)\n"
    checked = subprocess.run([str(place / "bin/stressd"), "check", str(release / "config/minimal.yaml")], **run)  # type: ignore[call-overload]
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_interpreter_that_cannot_compile_is_named() -> None:
    found, missing = wheels.interpreters(["python2.0", "/bin/false"])
    assert not found
    assert [line.split(":")[0] for line in missing] == ["python2.0", "/bin/false"]
