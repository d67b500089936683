"""A sink's own wording: Jinja2 in a sandbox that always ends, tried on made-up events before it is used.

A template sees `event`, the contract's JSON, and `message`, the built-in wording of it. It can reach no file, no other
template and nothing of Python; a name that does not exist is an error. Whatever it leaves out, an exercise, a replay or
a simulation is still called so, and notes such as "late by 14m" still stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stressd.alerts.event import Event
from stressd.alerts.headline import LIMIT
from stressd.alerts.notification import Notification, Telling
from stressd.alerts.render import MARKS, render
from stressd.alerts.template_bounds import PaidJoins, Purse, paid, paid_operation, shown
from stressd.alerts.words import bp_text, duration_text, moment_text, series_name, sigma_text, yield_text
from stressd.market.times import parse_time

PARTS: Final = {"title": LIMIT, "subject": 200, "text": 20_000, "html": 100_000}
"""What a template may word, and the most characters of each."""

STEPS: Final = 10_000
"""Turns of all loops of one rendering together."""

ASSIGNMENTS: Final = 20
"""`set` statements of one template: each may double a text."""

LONGEST: Final = 64_000
"""Characters of a template."""

_FILTERS: Final = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby", "int",
    "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace",
    "reverse", "round", "select", "selectattr", "sort", "string", "striptags", "sum", "title", "tojson", "trim",
    "truncate", "unique", "upper", "urlencode",
)  # fmt: skip
_OF_TEXT: Final = {
    "capitalize", "endswith", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "rpartition", "rstrip",
    "split", "startswith", "strip", "title", "upper",
}  # fmt: skip
_REFUSED: Final = {
    nodes.Include: "include", nodes.Import: "import", nodes.FromImport: "import", nodes.Extends: "extends",
    nodes.Macro: "macro", nodes.CallBlock: "call", nodes.AssignBlock: "set ... endset", nodes.FilterBlock: "filter",
}  # fmt: skip
_WIDE: Final = re.compile(r"\d{3}|\*")


class TemplateFault(Exception):
    """part: "title", "text" ... line: of that template, from 1. The text says what is wrong with it."""

    def __init__(self, part: str, line: int, text: str) -> None:
        super().__init__(f"{part}, line {line}: {text}")
        self.part = part
        self.line = line
        self.text = text


class Wording:
    """The templates of one sink. sources: by part."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Raises TemplateFault."""
        self.sources = dict(sources)
        self._templates = {part: _compiled(part, source) for part, source in sources.items()}

    def apply(self, event: Event, n: Notification) -> Notification:
        """`n`, the built-in wording of `event`, in this one. Raises TemplateFault."""
        seen = {"event": msgspec.to_builtins(event), "message": _message(n)}
        made = {part: _rendered(part, template, seen) for part, template in self._templates.items()}
        mark = MARKS.get(event.origin)
        for part in ("title", "subject"):
            if part in made:
                made[part] = _headed(" ".join(made[part].split()), mark, " · ", PARTS[part])
        notes = [value for label, value in n.facts if label == "Note"]
        if "text" in made:
            lines = [made["text"].strip("\n"), *(note for note in notes if note not in made["text"])]
            made["text"] = _headed("\n".join(lines), mark, "\n", 2 * PARTS["text"])
        if "html" in made:
            left_out = [word for word in (mark, *notes) if word and word not in made["html"]]
            made["html"] = "".join(f"<p><b>{word}</b></p>\n" for word in left_out) + made["html"]
        return replace(
            n,
            title=made.get("title", n.title),
            subject=made.get("subject", n.subject),
            text=made.get("text", n.text),
            html=made.get("html"),
            own_text="text" in made,
        )

    def try_on(self, events: Iterable[Event]) -> TemplateFault | None:
        """The first fault that comes up with these events, told for the first time and as an update."""
        for event in events:
            for telling in (
                Telling(first=True),
                Telling(first=False, page_url="https://stressd.example/", late_s=840.0),
            ):
                try:
                    self.apply(event, render(event, telling))
                except TemplateFault as fault:
                    return TemplateFault(fault.part, fault.line, f"{fault.text} (on a made-up event: {_kind(event)})")
        return None


def _kind(event: Event) -> str:
    lead = f", {event.series[0].horizon or 'no horizon'}" if event.series else ", without series"
    return f"{event.kind} {event.type}{lead}"


def _headed(text: str, mark: str | None, join: str, most: int) -> str:
    if mark is not None and not text.startswith(mark):
        text = f"{mark}{join}{text}"
    return text if len(text) <= most else text[: most - 1] + "…"


def _message(n: Notification) -> dict[str, Any]:
    """What a template may use of the built-in wording. The links by which people act are not among it: who has one may
    act, and the sink shows them itself."""
    return {
        "title": n.title,
        "subject": n.subject,
        "text": n.text,
        "facts": [{"label": label, "value": value} for label, value in n.facts if label != "Note"],
        "notes": [value for label, value in n.facts if label == "Note"],
        "answers": [{"market": label, "value": value} for label, value in n.answers],
        "footing": [{"label": label, "value": value} for label, value in n.footing],
        "table_header": list(n.table_header),
        "table": [list(row.cells) for row in n.table],
        "first": n.first,
        "link": n.link,
        "moment": n.moment,
        "sparkline": n.sparkline,
        "chart": "cid:chart",
    }


class _Sandbox(ImmutableSandboxedEnvironment):
    """Names of mappings are their keys, texts have the methods that cannot make them long, numbers alone are
    multiplied, and all that is made is paid for."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, purse: Purse, **options: Any) -> None:
        super().__init__(finalize=shown(purse), **options)
        self.purse = purse

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, dict):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict) and isinstance(argument, str) and argument not in obj:
            return self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _OF_TEXT
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        paid_operation(self.purse, operator, left, right)
        return super().call_binop(context, operator, left, right)


class _Steps:
    """How often the loops of one rendering have turned."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS

    def take(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.left -= 1
            if self.left < 0:
                raise TemplateError(f"its loops turn more than {STEPS} times")
            yield item


@pass_context
def _counted(context: Context, items: Any) -> Iterator[Any]:
    steps: _Steps = context["_steps"]
    return steps.take(items)


def _format(value: str, *args: Any) -> str:
    if _WIDE.search(value):
        raise TemplateError("a width of three digits in `format`")
    return value % args


def _local(time: str, zone: str, pattern: str = "%H:%M") -> str:
    try:
        when = datetime.fromtimestamp(parse_time(time) / 1e9, ZoneInfo(zone))
    except (KeyError, ValueError) as error:
        raise TemplateError(str(error)) from None
    if len(pattern) > 40:
        raise TemplateError("the pattern of `local` is too long")
    return when.strftime(pattern)


_OWN: Final[dict[str, Callable[..., Any]]] = {
    "bp": bp_text,
    "sigma": sigma_text,
    "level": lambda value, series: yield_text(series, value),
    "name": series_name,
    "moment": moment_text,
    "local": _local,
    "duration": duration_text,
    "format": _format,
}


def _environment(html: bool) -> _Sandbox:
    purse = Purse()
    environment = _Sandbox(purse, undefined=StrictUndefined, autoescape=html, trim_blocks=True, lstrip_blocks=True)
    environment.globals.clear()
    filters = {name: environment.filters[name] for name in _FILTERS} | _OWN
    environment.filters = {name: paid(purse, name, call) for name, call in filters.items()} | {"_counted": _counted}
    return environment


_TEXT: Final = _environment(False)
_HTML: Final = _environment(True)


def _compiled(part: str, source: str) -> Template:
    if len(source) > LONGEST:
        raise TemplateFault(part, 1, f"longer than {LONGEST} characters")
    environment = _HTML if part == "html" else _TEXT
    environment.purse.fill()
    try:
        tree = environment.parse(source)
        _check(part, tree)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)
        return environment.from_string(PaidJoins().visit(tree))
    except TemplateFault:
        raise
    except TemplateSyntaxError as error:
        raise TemplateFault(part, error.lineno, error.message or "cannot be read") from None
    except RecursionError:
        raise TemplateFault(part, 1, "is nested too deeply") from None
    except Exception as error:
        # jinja works out what is constant while it compiles
        raise TemplateFault(part, 1, _words(error)) from None


def _check(part: str, tree: nodes.Template) -> None:
    for node in tree.find_all((*_REFUSED, nodes.For)):
        if isinstance(node, nodes.For) and not node.recursive:
            continue
        word = "a recursive loop" if isinstance(node, nodes.For) else f"`{_REFUSED[type(node)]}`"
        raise TemplateFault(part, node.lineno, f"{word} is not available in templates")
    assignments = list(tree.find_all(nodes.Assign))
    if len(assignments) > ASSIGNMENTS:
        raise TemplateFault(part, assignments[ASSIGNMENTS].lineno, f"more than {ASSIGNMENTS} `set` statements")


def _rendered(part: str, template: Template, seen: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    for environment in (_TEXT, _HTML):
        environment.purse.fill()
    try:
        for piece in template.generate(**seen, _steps=_Steps()):
            pieces.append(piece)
            size += len(piece)
            if size > PARTS["text"] and size > PARTS[part]:
                raise TemplateError(f"longer than {max(PARTS['text'], PARTS[part])} characters")
    except Exception as error:
        # Whatever it is, it is the template's: an alert goes out in the built-in words then
        raise TemplateFault(part, _line(error), _words(error)) from None
    made = "".join(pieces)
    if not made.strip():
        raise TemplateFault(part, 1, "renders to nothing")
    return made


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    if isinstance(error, TemplateError):
        return text.replace("'dict object' has no attribute", "there is no")
    return f"{type(error).__name__}: {text}"


def _line(error: Exception) -> int:
    """The template's line on which it was raised."""
    line, step = 1, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return line
