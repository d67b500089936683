"""Reports as pages: no script, no request, light and dark, fit for paper."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from stressd import __version__
from stressd.alerts.words import count_text
from stressd.lab.report.document import Document
from stressd.lab.report.svg import lag_text
from stressd.market.times import day_iso

DOCUMENT: Final = "document.html.j2"


def document_page(document: Document) -> str:
    """The page of an episode or of a day."""
    return render(DOCUMENT, document=document)


def render(name: str, **given: Any) -> str:
    """A template of this folder with these values; what is no markup is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(_text)
    )
    environment.filters |= {"day": day_iso, "count": count_text, "lag": lag_text}
    style = Markup(_text("report.css"))  # noqa: S704  # nosec B704
    return environment.get_template(name).render(**given, style=style, version=__version__)


def _text(name: str) -> str:
    return resources.files("stressd.lab.report").joinpath(name).read_text(encoding="utf-8")
