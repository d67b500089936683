"""How much a template may make of a little: every filter, sum and joined text pays with its size before it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.visitor import NodeTransformer

MOST: Final = 5_000_000
"""Characters that one rendering may handle in all; a message has some thousands."""

LARGEST_NUMBER: Final = 1e18


class Purse:
    """What is left of one rendering's allowance."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST

    def fill(self) -> None:
        """Another rendering begins."""
        self.left = MOST

    def pay(self, characters: int) -> None:
        """Raises TemplateError where it is empty."""
        self.left -= characters
        if self.left < 0:
            raise TemplateError(f"it handles more than {MOST:,} characters")

    def pay_for(self, *values: Any) -> None:
        """As much as the values are as text."""
        for value in values:
            self._pay_for(value, 0)

    def _pay_for(self, value: Any, depth: int) -> None:
        if isinstance(value, str):
            self.pay(len(value))
        elif isinstance(value, Mapping) and depth < 20:
            for key, each in value.items():
                self._pay_for(key, depth + 1)
                self._pay_for(each, depth + 1)
        elif isinstance(value, list | tuple | set) and depth < 20:
            for each in value:
                self._pay_for(each, depth + 1)
        self.pay(4)


def paid(purse: Purse, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The filter `call`, which pays first."""
    more = _MORE.get(name)

    @wraps(call)
    def filtered(*args: Any, **named: Any) -> Any:
        if name in ("join", "sum", "list", "string"):
            args = tuple(list(each) if _is_lazy(each) else each for each in args)
        purse.pay_for(*args, *named.values())
        if more is not None:
            # jinja's own filters are handed its context before the value
            purse.pay(more(*(each for each in args if _is_data(each)), **named))
        return call(*args, **named)

    return filtered


def shown(purse: Purse) -> Callable[[Any], Any]:
    """What is put out pays too: a list that holds a long text a thousand times is short until it is written."""

    def finalize(value: Any) -> Any:
        purse.pay_for(value)
        return value

    return finalize


class PaidJoins(NodeTransformer):
    """`a ~ b` as `[a, b]|join`, which pays."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  jinja's name
        self.generic_visit(node)
        return nodes.Filter(nodes.List(node.nodes), "join", [], [], None, None, lineno=node.lineno)


def paid_operation(purse: Purse, operator: str, left: Any, right: Any) -> None:
    """Raises TemplateError for what could grow without end: numbers up to a bound, `+` of texts and lists paid for."""
    if all(isinstance(side, int | float) for side in (left, right)) and operator != "**":
        if max(abs(left), abs(right)) > LARGEST_NUMBER:
            raise TemplateError("a number is too large")
    elif operator == "+":
        purse.pay_for(left, right)
    else:
        raise TemplateError(f"`{operator}` is for two numbers" if operator != "**" else "`**` is not available")


def _replaced(text: Any, old: Any = "", new: Any = "", *_: Any, **__: Any) -> int:
    return str(text).count(str(old)) * len(str(new))


def _joined(items: Any, between: Any = "", *_: Any, **named: Any) -> int:
    return len(items) * len(str(named.get("d", between))) if isinstance(items, list | tuple | str | Mapping) else 0


def _formatted(text: Any, *args: Any, **named: Any) -> int:
    return str(text).count("%") * max((len(str(each)) for each in (*args, *named.values())), default=0)


_MORE: Final[Mapping[str, Callable[..., int]]] = {"replace": _replaced, "join": _joined, "format": _formatted}


def _is_lazy(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | Mapping | list | tuple | set)


def _is_data(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | Mapping | list | tuple | set)
