"""The bill of materials of a release: a CycloneDX document of every part with version, licence, wheels and hashes."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import json
import uuid
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import fixup_id, is_expression
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.dependencies import sha256
from release.wheels import VERSIONS, ReleaseError

SPEC: Final = SchemaVersion.V1_6
CLASSIFIED: Final = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names of the packaging world that leave no doubt which licence is meant; "BSD License" does."""

CHARTS: Final = "stressd/web/charts/"
"""Where stressd's own wheels hold the page's charting library, with a note of what it is."""


def bill(own: Sequence[Path], others: Mapping[str, Sequence[Path]], epoch: int) -> dict[str, Any]:
    """own: stressd's wheels; others: wheels by name of package; epoch: s UTC, the time of the document."""
    parts = {name: _metadata(paths[0]) for name, paths in others.items()}
    main = _metadata(own[0])
    everything = {"stressd": main, **parts}
    library = _charts(own[0])
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC.to_version()}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC.to_version(),
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z"),
            "component": {**_component("stressd", main, own), "type": "application"},
        },
        "components": [*(_component(name, parts[name], others[name]) for name in sorted(parts)), *library],
        "dependencies": [
            {"ref": _purl(name, each), "dependsOn": _needs(each, everything)} for name, each in everything.items()
        ],
    }
    for each in library:
        document["dependencies"][0]["dependsOn"].append(each["bom-ref"])
        document["dependencies"].append({"ref": each["bom-ref"], "dependsOn": []})
    text = json.dumps(document, sort_keys=True)
    return {**document, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"}


def write(document: Mapping[str, Any], to: Path) -> None:
    """Raises ReleaseError where the document is not valid."""
    text = json.dumps(document, indent=1) + "\n"
    if (error := JsonStrictValidator(SPEC).validate_str(text)) is not None:
        raise ReleaseError(f"the bill of materials is not valid CycloneDX: {error}")
    to.write_text(text, encoding="utf-8")


def _metadata(wheel: Path) -> EmailMessage:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1]
        found = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(archive.read(name))
    message = EmailMessage()
    for key, value in found.items():
        message.add_header(key, str(value).splitlines()[0] if str(value) else "")
    return message


def _component(name: str, metadata: EmailMessage, wheels: Sequence[Path]) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(name, metadata),
        "name": name,
        "version": str(metadata["Version"]),
        "description": str(metadata["Summary"] or ""),
        "purl": _purl(name, metadata),
        "licenses": _licences(metadata),
        "components": [
            {
                "type": "file",
                "bom-ref": wheel.name,
                "name": wheel.name,
                "hashes": [{"alg": "SHA-256", "content": sha256(wheel)}],
            }
            for wheel in wheels
        ],
    }


def has_charts(wheel: Path) -> bool:
    """Whether a wheel of stressd's has the page's charting library in it."""
    with zipfile.ZipFile(wheel) as archive:
        return f"{CHARTS}uplot.json" in archive.namelist()


def _charts(wheel: Path) -> list[dict[str, Any]]:
    """The page's charting library; empty where the wheel was built without it."""
    if not has_charts(wheel):
        return []
    with zipfile.ZipFile(wheel) as archive:
        note = json.loads(archive.read(f"{CHARTS}uplot.json"))
        licence = archive.read(f"{CHARTS}uplot.LICENSE").decode()
    purl = f"pkg:npm/{note['name']}@{note['version']}"
    content = base64.b64decode(note["integrity"].removeprefix("sha512-")).hex()
    return [
        {
            "type": "library",
            "bom-ref": purl,
            "name": note["name"],
            "version": note["version"],
            "description": "The charts of the page",
            "purl": purl,
            "hashes": [{"alg": "SHA-512", "content": content}],
            "licenses": [{"license": {"id": note["license"], "text": {"content": licence}}}],
        }
    ]


def _purl(name: str, metadata: EmailMessage) -> str:
    return f"pkg:pypi/{canonicalize_name(name)}@{metadata['Version']}"


def _licences(metadata: EmailMessage) -> list[dict[str, Any]]:
    expression = str(metadata["License-Expression"] or "")
    if expression and is_expression(expression):
        known = fixup_id(expression)
        return [{"license": {"id": known}}] if known else [{"expression": expression}]
    classified = [
        str(value).rpartition(" :: ")[2]
        for value in metadata.get_all("Classifier", [])
        if str(value).startswith("License :: OSI Approved :: ")
    ]
    names = classified or ([str(metadata["License"])] if metadata["License"] else [])
    if not names:
        raise ReleaseError(f"{metadata['Name']}: its wheel names no licence")
    own = fixup_id(str(metadata["License"] or "none"))
    if own is not None and len(names) == 1:
        return [{"license": {"id": own}}]
    ids = [(name, fixup_id(CLASSIFIED.get(name, name))) for name in names]
    return [{"license": {"id": known} if known else {"name": name}} for name, known in ids]


def _needs(metadata: EmailMessage, everything: Mapping[str, EmailMessage]) -> list[str]:
    """Of what is in the release, what this part asks for on any of its versions of Python."""
    needs = set()
    for text in metadata.get_all("Requires-Dist", []):
        wanted = Requirement(str(text))
        name = canonicalize_name(wanted.name)
        environments = [{"python_version": v, "python_full_version": f"{v}.0", "extra": ""} for v in VERSIONS]
        if name in everything and (wanted.marker is None or any(wanted.marker.evaluate(e) for e in environments)):
            needs.add(_purl(name, everything[name]))
    return sorted(needs)
