"""Coverage-guided fuzzing of one harness with atheris, or of all in turn.

    python tests/fuzz/run.py payload --seconds 300
    python tests/fuzz/run.py all --seconds 60

Prints a line a harness: executions, edges covered, and the file of what broke it, if anything did. What is found is
kept (with `--keep DIR` from run to run); exit status 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    # not this folder, whose files are named after what they fuzz
    sys.path[0] = str(ROOT)
    from tests.fuzz.harness import NAMES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*NAMES, "all"])
    parser.add_argument("--seconds", type=int, default=60, help="for each harness (default: 60)")
    parser.add_argument("--keep", type=Path, help="where inputs that found something are kept")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return _fuzz(args.name, args.keep, args.seconds)
    names = NAMES if args.name == "all" else (args.name,)
    return max(_run(name, args.seconds, args.keep) for name in names)


def _run(name: str, seconds: int, keep: Path | None) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or Path(scratch)) / name
        folder.mkdir(parents=True, exist_ok=True)
        own = [sys.executable, __file__, name, "--child", "--seconds", str(seconds), "--keep", str(folder)]
        done = subprocess.run(own, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + 300)
        told = done.stdout.decode(errors="replace")
    covered = re.findall(r"#(\d+)\s+\w+\s+cov: (\d+)", told)
    executions, edges = covered[-1] if covered else ("0", "0")
    total = re.findall(r"Done (\d+) runs", told)
    verdict = "no promise broken" if done.returncode == 0 else f"BROKEN (exit {done.returncode})"
    print(f"{name}: {int(total[-1] if total else executions):,} executions, {edges} edges, {verdict}", flush=True)
    if done.returncode:
        print(told[-4_000:], flush=True)
    return int(done.returncode != 0)


def _fuzz(name: str, folder: Path, seconds: int) -> int:
    import logging

    import atheris

    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["stressd", "tests.fuzz"]):
        from tests.fuzz.harness import load

        harness = load(name)
    import structlog

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    for i, seed in enumerate(harness.SEEDS):
        (folder / f"seed-{i:02}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=2048", "-max_len=65536", "-len_control=20"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(folder)], harness.one)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
