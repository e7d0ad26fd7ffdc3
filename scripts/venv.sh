#!/bin/sh
# Makes .venv with exactly what uv.lock names. Needs Python 3.11 or newer with venv; as root on Debian it installs that.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv" >&2
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
    else
        echo "Python 3.11 or newer with venv is missing. Next: as root, apt-get install python3 python3-venv" >&2
        exit 2
    fi
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
# uv removes what the lock does not name, itself included; --inexact keeps it for the next time.
.venv/bin/uv sync --quiet --locked --inexact --all-extras --python .venv/bin/python
