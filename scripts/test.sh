#!/bin/sh
# Runs every test: unit and replay in parallel, then the lab's, on the one virtual site and on virtual terminals.
set -eu
cd "$(dirname "$0")/.."
py=.venv/bin/python
[ -n "${PORTSEAL_FIXTURES:-}" ] || echo "PORTSEAL_FIXTURES is not set: tests on recordings will be skipped. Next: set it to the folder with cli/ and snmprec/" >&2
[ "$(id -u)" = 0 ] || echo "not root: the lab's tests will be skipped. Next: run make test as root" >&2
status=0
$py -m pytest tests/unit tests/replay -q -n 2 --dist worksteal "$@" || status=$?
# One after the other: an emulated processor that shares this one's is too slow for what must happen within seconds.
for part in "not usb" "usb and not installed"; do
    $py -m pytest tests/lab -q -p no:randomly -m "$part" "$@" || { code=$?; [ "$code" = 5 ] || status=$code; }
done
exit $status
