"""`python -m lab.hosts SOCKET`: play the hosts until killed."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from lab.hosts.daemon import serve

logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
asyncio.run(serve(Path(sys.argv[1])))
