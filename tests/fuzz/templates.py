"""Users' templates: a wording or a fault with its line, soon, and never more text than allowed."""

from __future__ import annotations

from stressd.alerts.canned import canned
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.alerts.templates import PARTS, TemplateFault, Wording
from tests.fuzz.harness import Cut, quick

EVENT = canned()[0]
BUILT_IN = render(EVENT, Telling(first=True))
SEEDS = [
    b"\x00{{ event.headline }}",
    b"\x02{% for s in event.series %}{{ s.series }} {{ s.value|level(s.series) }}\n{% endfor %}",
    b"\x02{{ ''.__class__.__mro__[1].__subclasses__() }}",
    b"\x02{{ event['__class__'] }}{{ message|attr('__init__') }}",
    b"\x02{% for a in range(9999999) %}{% for b in range(9999999) %}{% endfor %}{% endfor %}",
    b"\x02{{ 'a' * 10**9 }}{{ '%99999999d' % 1 }}{{ '%*d'|format(99999999, 1) }}",
    b"\x02{% set a = 'aaaaaaaaaa' %}" + b"{% set a = a ~ a %}" * 19 + b"{{ a }}",
    b"\x02{% for c in event.headline %}{% for d in event.headline %}{% for e in event.headline %}x{% endfor %}"
    b"{% endfor %}{% endfor %}",
    b"\x02{{ 'x'|truncate(-1)|urlencode|replace('', 'yyyyyyyyyy')|replace('', 'yyyyyyyyyy') }}",
    b"\x03<b>{{ message.title }}</b>{% include '/etc/passwd' %}",
    b"\x02{{ " + b"(" * 500 + b"1" + b")" * 500 + b" }}",
    b"\x02{{ event.time|local('../../etc/passwd') }}{{ event.time|local('Asia/Tokyo', '%Y%s%n') }}",
    b"\x02{{ 9**9**9 }}{{ 2 ** 100000 }}{{ 10000000000 * 10000000000 }}",
    b"\x02{{ ''.__~c____o__() }}",
    b"\x02{% set a = 'aaaaaaaaaa' %}" + b"{% set a = a ~ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a %}" * 12 + b"{{ a }}",
    b"\x02{% set a = event.headline %}" + b"{% set a = a + a + a + a + a + a + a + a + a + a %}" * 12 + b"{{ a }}",
    b"\x02{{ event.headline" + b"|replace('', 'yyyyyyyyyy')" * 12 + b" }}",
    b"\x02{{ event.headline|list|join(message.text)|list|join(message.text) }}",
    b"\x02{% set a = message.text|replace('', 'yyyyyyyy') %}{{ [" + b"a," * 9_000 + b"] }}",
    b"\x02{% set a = message.text|replace('', 'yyyyyyyy') %}{{ [" + b"a," * 9_000 + b"]|sum(start='') }}",
    b"\x02{% set a = message.text|replace('', 'yyyyyyyy') %}{{ '" + b"%(a)s" * 9_000 + b"'|format({'a': a}) }}",
    b"\x02{% set a = 99999999999 %}" + b"{% set a = a * a %}" * 19 + b"{{ a }}",
    b"\x02{% set a %}{% for i in message.text %}{{ message.text }}{% endfor %}{% endset %}{{ a }}",
    b"\x02{{ cycler }}{{ lipsum(9999) }}{{ namespace() }}{{ self }}{{ loop }}",
]


def one(data: bytes) -> None:
    cut = Cut(data)
    part = cut.choice(tuple(PARTS))
    with quick():
        try:
            worded = Wording({part: cut.text()}).apply(EVENT, BUILT_IN)
        except TemplateFault as fault:
            assert fault.line >= 1
            assert fault.text
            return
        made = (worded.title, worded.subject, worded.text, worded.html or "")
        assert all(len(text) <= 4 * PARTS[name] for text, name in zip(made, PARTS, strict=True))
