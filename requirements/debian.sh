#!/bin/sh
# usage: debian.sh run|test     Installs those of Debian's packages in debian.txt that are missing, as root or with sudo.
# What cannot be installed is named; it never fails, since the commands that need a package say so themselves.
set -u
PATH="$PATH:/usr/sbin:/sbin"
PYTHON="${PYTHON:-python3}"
export PATH PYTHON
list="$(dirname "$0")/debian.txt"

# "\|" in the list is a pipe of the command itself
rows() { sed -e '/^#/d' -e '/^ *$/d' -e 's/\\|/\x01/g' "$list" | awk -F' *[|] *' -v when="$1" '$1 == when {print $2 "\t" $3 "\t" $4}' | tr '\001' '|'; }
missing() {
    rows "$1" | while IFS="$(printf '\t')" read -r package probe purpose; do
        sh -c "$probe" >/dev/null 2>&1 </dev/null || printf '%s\t%s\n' "$package" "$purpose"
    done
}

wanted="$(missing "$1" | cut -f1)"
[ -n "$wanted" ] || exit 0
if command -v apt-get >/dev/null; then
    as=""
    if [ "$(id -u)" != 0 ]; then
        as="sudo"
        [ -t 0 ] || as="sudo -n"
    fi
    echo "stressd: installing from Debian:" $wanted
    export DEBIAN_FRONTEND=noninteractive
    for package in $wanted; do
        $as apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 && continue
        [ "${updated:-}" ] || $as apt-get update -qq >/dev/null 2>&1
        updated=1
        $as apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1
    done
fi
missing "$1" | while IFS="$(printf '\t')" read -r package purpose; do
    echo "stressd: NOT INSTALLED: Debian's $package, for $purpose" >&2
done
exit 0
