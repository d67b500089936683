"""Whether the engine runs compiled (by mypyc, when the package was built) or as plain Python."""

from __future__ import annotations

from typing import Final

COMPILED: Final[bool] = not __file__.endswith((".py", ".pyc"))
FORM: Final[str] = "compiled" if COMPILED else "interpreted"
