"""`portseal serve` as a process of its own, from the sources that are tested."""

import sys

from controller.cli.base import run
from controller.cli.main import cli

if __name__ == "__main__":
    sys.exit(run(cli, ["--site", sys.argv[1], "--lang", "en", "serve"]))
