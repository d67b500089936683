"""What other servers answer to our messages: headers and bodies, which are quoted to people without a secret."""

from __future__ import annotations

from stressd.config.fields import HttpOptions
from stressd.sinks.http import SHOWN, Answer, Endpoint, failure, retry_after
from tests.fuzz.harness import Cut, quick

SECRET = "T00000000/B00000000/abcdefghijklmnop"
ENDPOINT = Endpoint(f"https://hooks.example/services/{SECRET}?key=sesame-open", HttpOptions(), ["Bearer my-own-token"])
SEEDS = [
    b"\x00" + b"120",
    b"\x01" + b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"\x02" + f"no such hook: /services/{SECRET} for Bearer my-own-token".encode(),
    b"\x03\x1b[2J\r\nforged: line\xe2\x80\xae",
    b"\x02" + b"\xff" * 500,
    b"\x01" + b"-1e309, 99999999999999999999",
]


def one(data: bytes) -> None:
    cut = Cut(data)
    status = 200 + cut.byte() * 2
    text = cut.text()
    with quick():
        wait = retry_after({"Retry-After": text, "Date": text[::-1]}, 1e9)
        assert wait is None or wait >= 0.0
        said = str(failure(ENDPOINT, Answer(status, {"Retry-After": text}, text, True)))
        assert len(said) < SHOWN + 100
        assert said.isprintable()
        for hidden in ("abcdefghijklmnop", "sesame-open", "my-own-token"):
            assert hidden not in said
