"""YAML text to plain data, with the place of every key and value.

Scalars follow the core schema of YAML 1.2.2 (section 10.3.2), not PyYAML's table: `NO`, `on` and `yes` are text,
`10:30` is text, `1e-4` is a number, `010` is ten, dates are text. Keys are always text. Duplicate keys, tags beyond the
core schema, anchors that contain themselves and aliases that expand without bound are refused. Merge keys
(`<<: *name`) work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stressd.config.faults import Span, shown

Path = tuple[str | int, ...]

MOST_DEPTH: Final = 40
MOST_NODES: Final = 100_000
LINE_BREAKS: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What PyYAML counts as a line."""

_TAG: Final = "tag:yaml.org,2002:"
_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_CORE: Final = (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT))


class YamlFault(Exception):
    """Text that is no YAML, or YAML that is refused."""

    def __init__(self, message: str, span: Span, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint


@dataclass(slots=True)
class Marked:
    """data: mappings, lists and scalars. keys, values: where the key and the value at a path stand in the text."""

    data: Any
    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)
    faults: list[YamlFault] = field(default_factory=list)
    """What is refused, while the rest could still be read."""


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the 1.2 core table and a bound on depth."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  PyYAML reads it off the class
    depth = 0

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode and implicit[0]:
            if value == "<<":
                return _TAG + "merge"
            return _TAG + next((name for name, pattern in _CORE if pattern.fullmatch(value)), "str")
        return _TAG + {ScalarNode: "str", SequenceNode: "seq", MappingNode: "map"}[kind]

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise YamlFault(f"nested more than {MOST_DEPTH} levels deep", _at(self.get_mark()))
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse(text: str) -> Marked:
    """The single document of `text`. Raises YamlFault where the text is no YAML at all."""
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        raise YamlFault(
            f"character U+{ord(_char(error)):04X} is not allowed in YAML", _place(text, error.position)
        ) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    except (ValueError, OverflowError):
        # PyYAML hands \UFFFFFFFF to chr() unchecked.
        mark = loader.get_mark() if loader is not None else None
        raise YamlFault("this escape names no character", _at(mark)) from None
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        raise YamlFault("the file is empty", Span(0, 0, 0, 1))
    return _Construction().document(node)


class _Construction:
    """One walk over the composed nodes."""

    def __init__(self) -> None:
        self.marked = Marked(None)
        self.open: list[int] = []
        self.count = 0

    def document(self, node: Node) -> Marked:
        self.marked.data = self.build(node, ())
        return self.marked

    def refuse(self, message: str, span: Span, hint: str = "") -> None:
        self.marked.faults.append(YamlFault(message, span, hint))

    def build(self, node: Node, path: Path) -> Any:
        self.count += 1
        span = _span(node)
        if self.count > MOST_NODES:
            raise YamlFault("the aliases expand to more than this file could mean", span)
        if id(node) in self.open:
            self.refuse("this anchor contains itself", span)
            return None
        self.marked.values[path] = span
        self.open.append(id(node))
        try:
            if isinstance(node, ScalarNode):
                return self.scalar(node, span)
            if isinstance(node, SequenceNode):
                self.check_tag(node, "seq", span)
                return [self.build(child, (*path, i)) for i, child in enumerate(node.value)]
            assert isinstance(node, MappingNode)
            self.check_tag(node, "map", span)
            return self.mapping(node, path)
        finally:
            self.open.pop()

    def check_tag(self, node: Node, expected: str, span: Span) -> None:
        if node.tag != _TAG + expected:
            self.refuse(f"tag `{_short(node.tag)}` is not allowed", span, "write the value without a tag")

    def scalar(self, node: ScalarNode, span: Span) -> Any:
        kind, text = node.tag.removeprefix(_TAG), self.text(node, span)
        if kind in ("str", "merge"):
            return text
        pattern = dict(_CORE).get(kind)
        if pattern is None:
            self.refuse(f"tag `{_short(node.tag)}` is not allowed", span, "write the value without a tag")
            return text
        if not pattern.fullmatch(text) and not (kind == "float" and _INT.fullmatch(text)):
            self.refuse(f"this is no {_short(node.tag).removeprefix('!!')}", span)
            return None
        return self.core(kind, text, span)

    def text(self, node: ScalarNode, span: Span) -> str:
        """The scalar's text, with escaped surrogate pairs joined as in JSON."""
        text = str(node.value)
        if not any("\ud800" <= c <= "\udfff" for c in text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.refuse("half of a surrogate pair is no character", span)
            return text.encode("ascii", "replace").decode()

    def core(self, kind: str, text: str, span: Span) -> Any:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if len(text) > 100:
            self.refuse("this number is too long", span)
            return 0
        if kind == "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[tuple[Node, Span]] = []
        for key_node, value_node in node.value:
            span = _span(key_node)
            if not isinstance(key_node, ScalarNode):
                self.refuse("a key must be plain text", span)
            elif key_node.tag == _TAG + "merge":
                merged.append((value_node, span))
            elif (key := self.text(key_node, span)) in data:
                first = self.marked.keys[(*path, key)]
                self.refuse(f"duplicate key {shown(key)}", span, f"first written on line {first.line + 1}")
            else:
                self.marked.keys[(*path, key)] = span
                data[key] = self.build(value_node, (*path, key))
        for value_node, span in merged:
            self.merge(value_node, span, path, data)
        return data

    def merge(self, node: Node, span: Span, path: Path, data: dict[str, Any]) -> None:
        """Keys of the merged mappings that are not there yet; the earlier mapping wins."""
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self.refuse("`<<` merges mappings only", span, "write `<<: *name`")
                continue
            if id(source) in self.open:
                self.refuse("this anchor contains itself", span)
                continue
            self.open.append(id(source))
            own = _Construction()
            own.open, own.count = self.open, self.count
            found = own.mapping(source, path)
            self.open.pop()
            self.count = own.count
            self.marked.faults += own.marked.faults
            for key in [k for k in found if k not in data]:
                data[key] = found[key]
                self.take(own.marked, (*path, key))

    def take(self, other: Marked, path: Path) -> None:
        """The places of everything at and below `path`."""
        for mine, theirs in ((self.marked.keys, other.keys), (self.marked.values, other.values)):
            mine.update({p: s for p, s in theirs.items() if p[: len(path)] == path})


def _span(node: Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(start.line, start.column, end.line, end.column)


def _at(mark: Any) -> Span:
    return Span(mark.line, mark.column, mark.line, mark.column + 1) if mark is not None else Span(0, 0, 0, 1)


def _place(text: str, position: int) -> Span:
    before = LINE_BREAKS.split(text[:position])
    return Span(len(before) - 1, len(before[-1]), len(before) - 1, len(before[-1]) + 1)


def _char(error: yaml.reader.ReaderError) -> str:
    return error.character if isinstance(error.character, str) else chr(error.character)


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")[:60]


_PLAIN: Final = {
    "mapping values are not allowed here": ("a `:` is not allowed here", "quote the value, or check the indentation"),
    "expected <block end>, but found": ("the indentation does not fit", "align it with the lines above"),
    "could not find expected ':'": ("this key has no `:`", ""),
    "expected the node content": ("a value is missing", ""),
    "found unexpected end of stream": ("the quotes are not closed", ""),
    "did not find expected": ("this is no YAML here", ""),
    "but found another document": ("one document only", "remove the `---`"),
    "found undefined alias": ("no anchor of this name stands above", ""),
    "found duplicate anchor": ("this anchor is already taken", ""),
    "expected ',' or ']'": ("a `,` or `]` is missing", ""),
    "expected ',' or '}'": ("a `,` or `}` is missing", ""),
    "found unknown escape character": ("unknown escape in double quotes", "use single quotes"),
}


def _syntax(error: yaml.MarkedYAMLError) -> YamlFault:
    problem = f"{error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    if "'\\t'" in problem:
        return YamlFault("a tab is not allowed here", _at(mark), "indent with spaces")
    known = next((text for part, text in _PLAIN.items() if part in problem), None)
    if known is not None:
        return YamlFault(f"not valid YAML: {known[0]}", _at(mark), known[1])
    return YamlFault(f"not valid YAML: {problem or error.context or 'cannot be read'}", _at(mark))
