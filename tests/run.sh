#!/bin/sh
# Every test against the installed package, its engine compiled; then those of the engine's two forms again, interpreted.
# (What is told of the engine, stressd.alerts, has one form.)
# Called by `make test`, which makes .venv. Ends with the list of tests that could not run on this machine.
set -u
cd "$(dirname "$0")/.." || exit 1
form="$(cat .venv/.done/form)"
STRESSD_NOT_RUN_FILE="$PWD/.venv/.done/not-run"
export STRESSD_NOT_RUN_FILE
: >"$STRESSD_NOT_RUN_FILE"
status=0
# compares both forms by itself, in the compiled run
compared=tests/engine/test_always.py::test_the_compiled_engine_says_what_the_interpreted_one_says

if [ "$form" = compiled ]; then
    both=""
    for part in market engine lab feeds; do
        [ -n "$(find "tests/$part" -name 'test_*.py' 2>/dev/null)" ] && both="$both tests/$part"
    done
    # side by side, so that two cores are at work; the second one's output waits for the first one's end
    # shellcheck disable=SC2086
    PYTHONSAFEPATH=1 PYTHONPATH="$PWD" STRESSD_EXPECT_FORM=interpreted .venv/bin/pytest -q ${both:-tests} \
        -m "not soak and not once" --deselect "$compared" >.venv/.done/interpreted 2>&1 &
    second=$!
    echo "=== every test, engine compiled"
    PYTHONSAFEPATH=1 STRESSD_EXPECT_FORM=compiled .venv/bin/pytest -q tests || status=1
    wait "$second" || status=1
    echo "=== market, engine, lab and feeds again, engine interpreted"
    cat .venv/.done/interpreted
else
    echo "!!! THE COMPILED ENGINE IS NOT TESTED: this machine has no C compiler or no headers of Python !!!"
    echo "compiled: every test: no C compiler, or no headers of Python" >>"$STRESSD_NOT_RUN_FILE"
    if [ "${CI:-}" = true ]; then
        echo "stressd: with CI=true that is a failure" >&2
        status=1
    fi
    PYTHONSAFEPATH=1 STRESSD_EXPECT_FORM=interpreted .venv/bin/pytest -q tests || status=1
fi

if [ -s "$STRESSD_NOT_RUN_FILE" ]; then
    # once each, whichever of the two runs it was
    list="$(sed 's/^[a-z]*: //' "$STRESSD_NOT_RUN_FILE" | sort -u)"
    echo "=== NOT RUN HERE: $(echo "$list" | wc -l)"
    echo "$list"
fi
[ "$status" = 0 ] && echo "=== all tests passed" || echo "=== TESTS FAILED"
exit "$status"
