"""A sink's own wording in the file: each part a template, written there or in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, model_validator

from stressd.alerts.canned import canned
from stressd.alerts.templates import LONGEST, TemplateFault, Wording
from stressd.config.fields import File, Model, SinkConfig
from stressd.config.report import Report
from stressd.config.yaml_marks import Path

__all__ = ["MailTemplate", "TextTemplate", "wordings"]


class Part(Model):
    """One template: itself, or where it is."""

    text: Annotated[str, Field(min_length=1)] | None = None
    """The template itself. Example: `"{{ message.title }}"`."""
    file: File | None = None
    """Where it is, relative to the configuration file. Example: `mail.txt.j2`."""

    @model_validator(mode="after")
    def _one(self) -> Part:
        if (self.text is None) == (self.file is None):
            raise ValueError("write the template itself, or `{file: NAME}`")
        return self


def _part(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Words = Annotated[Part, BeforeValidator(_part, json_schema_input_type=str | Part)]


class TextTemplate(Model):
    """One's own wording of a message."""

    title: Words | None = None
    """The headline. Example: `"{{ event.severity|upper }}: {{ message.title }}"`."""
    text: Words | None = None
    """What stands below it, in the place of facts, table and footing. Example: `{file: mail.txt.j2}`."""

    def parts(self) -> dict[str, Part]:
        """Those that are written."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: part for name, part in found.items() if part is not None}

    @model_validator(mode="after")
    def _some(self) -> TextTemplate:
        if not self.parts():
            raise ValueError(f"a template has one of {', '.join(f'`{name}`' for name in type(self).model_fields)}")
        return self


class MailTemplate(TextTemplate):
    """One's own wording of a mail."""

    subject: Words | None = None
    """The subject; without it the same over an episode's life, so that mail clients thread by it. Example: `"[stressd]
    {{ event.market }}"`."""
    html: Words | None = None
    """The HTML part; `cid:chart` in it is the picture. Example: `{file: mail.html.j2}`."""


LARGEST: Final = 4 * LONGEST
"""Bytes of a file with a template that is read at all."""


def wordings(
    sinks: Sequence[tuple[int, SinkConfig]], folder: FilePath, report: Report
) -> tuple[dict[str, Wording], list[str]]:
    """The wording of each sink that has one, and the texts of the files. Each is tried on every made-up event; faults
    are reported. folder: where relative paths start."""
    found: dict[str, Wording] = {}
    texts: list[str] = []
    for i, sink in sinks:
        template = getattr(sink, "template", None)
        if not isinstance(template, TextTemplate):
            continue
        place: Path = ("sinks", i, "template")
        parts = template.parts()
        sources: dict[str, str] = {}
        for name, part in parts.items():
            text = part.text if part.file is None else _read(folder / part.file, (*place, name), report)
            if text is not None:
                sources[name] = text
                texts += [text] if part.file is not None else []
        if len(sources) == len(parts) and (wording := _tried(sources, parts, place, report)) is not None:
            found[sink.name] = wording
    return found, texts


def _tried(sources: Mapping[str, str], parts: Mapping[str, Part], place: Path, report: Report) -> Wording | None:
    """All parts together where each is right by itself."""
    events = canned()
    good = True
    for name, source in sources.items():
        try:
            fault = Wording({name: source}).try_on(events)
        except TemplateFault as error:
            fault = error
        if fault is not None:
            good = False
            file = parts[name].file
            if file is None:
                report.inside((*place, name), fault.line, f"template: {fault.text}")
            else:
                report.value((*place, name, "file"), f"{file}:{fault.line}: template: {fault.text}")
    return Wording(sources) if good else None


def _read(file: FilePath, place: Path, report: Report) -> str | None:
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        report.value((*place, "file"), f"file `{file}` cannot be read: {(error.strerror or str(error)).lower()}")
        return None
    except UnicodeDecodeError:
        report.value((*place, "file"), f"file `{file}` is not UTF-8 text")
        return None
    if len(raw) > LARGEST:
        report.value((*place, "file"), f"file `{file}` is too large for a template")
        return None
    return text
