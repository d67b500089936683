"""What a model's keys mean: the text that stands under each field in the source. Read when somebody asks for a schema
or the reference, never when the daemon starts."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import stressd


def key_texts(model: type) -> dict[str, str]:
    """By field name, own and inherited; fields without a text are absent."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        found |= _module_texts(each.__module__).get(each.__qualname__, {})
    return found


@cache
def _module_texts(module: str) -> dict[str, dict[str, str]]:
    if not module.startswith("stressd."):
        return {}
    source = Path(stressd.__file__).parent.joinpath(*module.split(".")[1:])
    path = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: _texts(node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _texts(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(text.value.value.split())
    return found
