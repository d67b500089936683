"""A notification as a mail: plain text that is complete on its own, HTML beside it, the chart in it, real threading."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from html import escape
from typing import Final

from stressd.alerts.notification import Notification
from stressd.sinks.blocks import RESOLVED, SIGNS, banner, severity_line, severity_word

COLOURS: Final = {"info": "#1f6feb", "warn": "#8a6d00", "high": "#b3540a", "critical": "#b3261e"}
OVER: Final = "#2e7d32"
CHART: Final = 200_000
"""Bytes of a picture that is sent inside the message."""

TRIMMED: Final = ("", "without the chart", "without chart and HTML", "cut to fit the server's limit")
"""What each further step of trimming leaves out."""

_SIGNS: Final = "".join((*SIGNS.values(), RESOLVED, " "))
"""Not every mail client has these; the word beside them says the same, in its colour."""

_SHADES: Final = """<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (max-width: 480px) { .k { white-space: normal !important; width: 92px !important; } }
@media (prefers-color-scheme: dark) {
  .page { background: #15191e !important; color: #e4e8ec !important; }
  .soft, .k { color: #a4afba !important; }
  .line { border-color: #36404a !important; }
  .link { color: #7cb8ff !important; }
  .warn { color: #f0c64a !important; } .high { color: #ffa35c !important; }
  .critical { color: #ff8a80 !important; } .info { color: #7cb8ff !important; } .over { color: #7ed487 !important; }
}
</style>"""


def compose(n: Notification, sender: str, to: list[str], domain: str, trim: int = 0) -> EmailMessage:
    """trim: 0 for all of it; 1 without the chart, 2 also without HTML, 3 with the first 8 000 characters of the text.
    Its subject is the episode's, so that clients without threads by reference thread it too."""
    mail = EmailMessage(policy=WIRE)
    mail["From"] = Address(display_name="stressd", addr_spec=sender)
    mail["To"] = ", ".join(to)
    mail["Subject"] = one_line(n.subject)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = message_id(n.event_id, domain)
    if n.thread_root is not None and n.thread_root != n.event_id:
        mail["In-Reply-To"] = message_id(n.thread_root, domain)
    roots = [root for root in (n.cause_root, n.thread_root) if root is not None and root != n.event_id]
    if roots:
        mail["References"] = " ".join(message_id(root, domain) for root in roots)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    for name, value in (("Severity", n.severity), ("Episode", n.thread), ("Event", n.event_id), ("Origin", n.origin)):
        mail[f"X-Stressd-{name}"] = one_line(value)
    if n.severity == "critical" and n.life != "over" and n.origin == "live":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    text = as_text(n)
    if trim:
        text = (text if trim < 3 else text[:8_000]) + f"\n\n({TRIMMED[trim]})\n"
    mail.set_content(text, cte="quoted-printable")
    if trim < 2:
        _add_html(mail, n, domain, chart=trim < 1)
    return mail


def _add_html(mail: EmailMessage, n: Notification, domain: str, chart: bool) -> None:
    picture = n.chart if chart and n.chart is not None and len(n.chart) <= CHART else None
    name = f"chart.{atom(n.event_id)}@{domain}"
    cid = f"cid:{name}" if picture is not None else None
    if n.html is not None:
        # A template shows the picture by `cid:chart`; where there is none, the client shows its `alt`
        page = n.html.replace("cid:chart", cid) if cid is not None else n.html
        shown = cid is not None and cid in page
    else:
        page, shown = as_html(n, cid), cid is not None
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    if shown and picture is not None:
        parts = mail.get_payload()
        assert isinstance(parts, list)
        html = parts[-1]
        assert isinstance(html, EmailMessage)
        html.add_related(
            picture, "image", "png", cid=f"<{name}>", disposition="inline", filename=f"{atom(n.thread)}.png"
        )


def message_id(event_id: str, domain: str) -> str:
    """Fixed by the event: the same on every attempt, and known to every later message of the episode."""
    return f"<{atom(event_id)}@{domain}>"


def atom(text: str) -> str:
    """`text` as part of a Message-ID."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)


def one_line(text: str) -> str:
    """`text` as the value of a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def as_text(n: Notification) -> str:
    """Complete on its own."""
    said = banner(n)
    parts = [*([said] if said else []), severity_word(n), n.text]
    if n.link and n.link not in n.text:
        parts += ["", n.link]
    parts += [f"{action.label}: {action.url}" for action in n.actions if action.url not in n.text]
    return "\n".join(parts) + "\n"


def as_html(n: Notification, cid: str | None) -> str:
    """Plain tables with inline styles, which Outlook shows, in colours of their own for dark clients; nothing remote.
    cid: where the chart is. Everything from outside is escaped."""
    over = n.life == "over"
    colour, shade = (OVER, "over") if over else (COLOURS.get(n.severity, "#444444"), n.severity)
    said = banner(n)
    above = f'<p style="margin:0 0 6px;font-weight:bold">{escape(said)}</p>' if said else ""
    picture = ""
    if cid is not None:
        picture = (
            f'<p style="margin:0 0 14px"><img src="{escape(cid)}" width="600" alt="{escape(n.title)}" '
            'style="display:block;width:100%;max-width:600px;height:auto;border:0"></p>'
        )
    head = f'<h2 class="{escape(shade)}" style="margin:0 0 12px;font-size:18px;line-height:1.35;color:{colour}">'
    body = _own(n) if n.own_text else _facts(n)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{escape(n.title)}</title>{_SHADES}</head>"
        '<body class="page" style="margin:0;padding:0;background:#ffffff;color:#1f2933">'
        '<table role="presentation" class="page" width="100%" cellspacing="0" cellpadding="0" '
        'style="border-collapse:collapse;background:#ffffff;color:#1f2933"><tr>'
        '<td style="padding:16px;font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.45">'
        '<div style="max-width:760px">'
        f"{above}{head}{escape(severity_line(n).lstrip(_SIGNS))}</h2>{picture}{body}{_doors(n)}{_ground(n)}"
        "</div></td></tr></table></body></html>\n"
    )


def _own(n: Notification) -> str:
    return f'<div style="white-space:pre-wrap;margin:0 0 14px">{escape(n.text)}</div>'


def _facts(n: Notification) -> str:
    return _pairs(n.facts) + _pairs(n.answers) + _moves(n)


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    if not pairs:
        return ""
    label = (
        'class="k line" style="padding:4px 14px 4px 0;vertical-align:top;white-space:nowrap;width:110px;color:#52606d;'
        'border-bottom:1px solid #e4e7eb"'
    )
    value = 'class="line" style="padding:4px 0;vertical-align:top;border-bottom:1px solid #e4e7eb"'
    rows = "".join(f"<tr><td {label}>{escape(k)}</td><td {value}>{escape(v)}</td></tr>" for k, v in pairs)
    return _table(rows)


def _moves(n: Notification) -> str:
    """Series to the left, numbers to the right; columns without a value are left out."""
    if not n.table:
        return ""
    used = [c for c in range(len(n.table_header)) if any(c < len(row.cells) and row.cells[c] for row in n.table)]
    rows = [n.table_header, *(row.cells for row in n.table)]
    made = []
    for i, cells in enumerate(rows):
        tag = "td" if i else "th"
        made.append("<tr>")
        for c in used:
            side = "left" if c == used[0] else "right"
            style = f"padding:3px 14px 3px 0;text-align:{side};white-space:nowrap;border-bottom:1px solid #e4e7eb"
            made.append(f'<{tag} class="line" style="{style}">{escape(cells[c] if c < len(cells) else "")}</{tag}>')
        made.append("</tr>")
    return f'<div style="overflow-x:auto">{_table("".join(made), "")}</div>'


def _table(rows: str, width: str = ' width="100%"') -> str:
    style = "border-collapse:collapse;margin:0 0 14px;font-size:13px"
    return f'<table cellspacing="0" cellpadding="0"{width} style="{style}">{rows}</table>'


def _doors(n: Notification) -> str:
    """Where it goes on: the episode's page, and what the reader may do."""
    links = [(n.link_label, n.link)] if n.link else []
    links += [(action.label, action.url) for action in n.actions]
    if not links:
        return ""
    shown = " &nbsp;·&nbsp; ".join(
        f'<a class="link" href="{escape(url)}" style="color:#0b5cad;white-space:nowrap">{escape(label)}</a>'
        for label, url in links
        if url.startswith(("http://", "https://"))
    )
    return f'<p style="margin:0 0 14px">{shown}</p>'


def _ground(n: Notification) -> str:
    """What all of it stands on."""
    pairs = () if n.own_text else n.footing
    lines = [f"{escape(k)}: {escape(v)}" for k, v in pairs] + [f"{escape(n.moment)} · {escape(n.event_id)}"]
    style = "margin:0;color:#616e7c;font-size:12px;line-height:1.5;overflow-wrap:anywhere"
    return f'<p class="soft" style="{style}">{"<br>".join(lines)}</p>'
