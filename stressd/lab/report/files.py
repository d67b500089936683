"""The files of a report that is kept, by ending."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stressd.lab.report.document import Document
from stressd.lab.report.markdown import markdown
from stressd.lab.report.rendering import document_page


def files(document: Document, plain: Mapping[str, Any], values: str) -> dict[str, str]:
    """Markdown, data, values and the page. plain: ready for JSON. values: as CSV."""
    data = json.dumps(plain, ensure_ascii=False) + "\n"
    return {".md": markdown(document), ".json": data, ".csv": values, ".html": document_page(document)}
