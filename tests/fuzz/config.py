"""The configuration: a model or a ConfigError, soon, with places that exist and no secret."""

from __future__ import annotations

from pathlib import Path

from stressd.config.faults import ConfigError
from stressd.config.load import load_text
from stressd.runtime.registry import registry
from tests.fuzz.harness import Cut, quick

HERE = Path(__file__).resolve().parent.parent.parent
KINDS = registry()
SAMPLE = (HERE / "config" / "minimal.yaml").read_text(encoding="utf-8")
LARGE = (HERE / "config" / "stressd.yaml").read_text(encoding="utf-8")
SEEDS = [
    SAMPLE.encode(),
    LARGE.encode(),
    b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
    b"a: &a {<<: *a, b: 1}\n",
    b"a: &x {k: &y {<<: [*x, *y]}}\nb: {<<: *x}\n",
    b"[" * 3_000,
    b"{a: " * 2_000,
    b"a: 0x" + b"f" * 3_000,
    b"a: " + b"9" * 6_000,
    b"a: .nan\nb: .inf\nc: -.inf\nd: 1e999\n",
    b'a: 1\na: 2\n"a": 3\n',
    b"a:\n\tb: 1\n",
    b"? [a, b]\n: c\n",
    b"!!python/object/apply:os.system ['true']\n",
    b"a: !!binary aGk=\nb: !!timestamp 2026-01-20\nc: !!set {a}\n",
    b'a: "\\uD800\\uDC00 \\uD800 \\UFFFFFFFF"\n',
    b"%YAML 9.9\n--- a\n...\n--- b\n",
    b"instance: desk\nmarkets: {JP: {tenors: [10Y, 10Y, 99Y, .inf, 0x10]}}\n",
    b"a: \xe2\x80\xae\xe2\x80\xa8b\n",
    b"\xff\xfea\x00:\x00",
    b"",
]


def one(data: bytes) -> None:
    cut = Cut(data)
    text = cut.text()
    with quick():
        try:
            loaded = load_text(text, Path("c.yaml"), KINDS, environment=False)
        except ConfigError as error:
            assert error.faults
            for fault in error.faults:
                assert fault.line >= 1
                assert fault.column >= 1
                assert str(fault).startswith("c.yaml:")
                assert fault.message.isprintable(), fault.message
            return
        assert loaded.digest.startswith("sha256:")
