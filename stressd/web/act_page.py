"""The page behind a link: one file, no script, no request to anywhere, light and dark. Everything in it is escaped."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from typing import Final

from stressd.market.times import iso
from stressd.web.doors import Subject
from stressd.web.links import ACK, LABEL_OF, SILENCE, Link

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#16202a;--soft:#55636f;--line:#d5dce2;--back:#f4f6f8;--card:#fff;--main:#0b5cad}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf1;--soft:#9fb0bd;--line:#33424e;--back:#10171d;--card:#18222b;
--main:#5aa9f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:34rem;margin:0 auto;padding:1.25rem 1rem 3rem}
.who{color:var(--soft);font-size:.875rem;margin:.25rem 0 1rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.25rem}
h1{font-size:1.35rem;line-height:1.2;margin:0 0 1rem}
.headline{font-weight:600;margin:0 0 .25rem}
.facts{color:var(--soft);font-size:.875rem;margin:0 0 1rem;padding-bottom:1rem;border-bottom:1px solid var(--line)}
p{margin:0 0 1rem}
label{display:block;font-size:.875rem;color:var(--soft);margin:0 0 .25rem}
input{width:100%;font:inherit;padding:.6rem .7rem;margin:0 0 1rem;border:1px solid var(--line);border-radius:6px;
background:var(--back);color:var(--ink)}
button{width:100%;font:inherit;font-weight:600;padding:.85rem;border:0;border-radius:6px;background:var(--main);
color:var(--card);cursor:pointer}
input:focus-visible,button:focus-visible{outline:3px solid var(--main);outline-offset:2px}
.last{margin:0}
"""

_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
"""Nothing is loaded, embedded, cached or indexed, and the address with its signature goes nowhere else."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown. subject: the episode that it is about; link: what the button does, None where there is none."""

    instance: str
    title: str
    subject: Subject | None
    text: str
    link: Link | None = None


def page(shown: Page) -> str:
    """The whole document."""
    parts = [f"<h1>{escape(shown.title)}</h1>"]
    if shown.subject is not None:
        parts += _episode(shown.subject)
    parts.append(f"<p{'' if shown.link else ' class=last'}>{escape(shown.text)}</p>")
    if shown.link is not None:
        parts.append(_form(shown.link))
    inside = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(shown.title)} · stressd {escape(shown.instance)}</title>
<style>{_STYLE}</style>
</head>
<body><main>
<p class="who">stressd · {escape(shown.instance)}</p>
<section>
{inside}
</section>
</main></body>
</html>
"""


def _episode(subject: Subject) -> list[str]:
    state = "open" if subject.closed is None else f"over since {_minute(subject.closed)}"
    facts = f"{subject.id} · {subject.severity} · rule {subject.rule} · opened {_minute(subject.opened)} · {state}"
    return [f'<p class="headline">{escape(subject.headline)}</p>', f'<p class="facts">{escape(facts)}</p>']


def _minute(ns: int) -> str:
    return f"{iso(ns)[:16].replace('T', ' ')} UTC"


def _form(link: Link) -> str:
    """Without an action: it is posted to its own address, which holds the signature."""
    note = "Reason (optional)" if link.deed == SILENCE else "Note (optional)"
    return f"""<form method="post">
<label for="name">Your name (optional)</label>
<input id="name" name="name" maxlength="60" autocomplete="name">
<label for="note">{note}</label>
<input id="note" name="note" maxlength="500" autocomplete="off">
<button type="submit">{escape(_button(link))}</button>
</form>"""


def _button(link: Link) -> str:
    if link.deed == ACK:
        return "Acknowledge for 30 minutes"
    if link.deed == SILENCE:
        return "Silence for 2 hours"
    return f"Label it “{LABEL_OF[link.deed]}”"
