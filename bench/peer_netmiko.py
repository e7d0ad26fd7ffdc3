"""The peer: a plain Netmiko script, as its documentation shows it, one thread a switch."""

from __future__ import annotations

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from netmiko import ConnectHandler


def main(asked: str) -> None:
    """Read every switch and print the figures as JSON."""
    order = json.loads(asked)

    def read(port: int) -> float:
        started = time.perf_counter()
        with ConnectHandler(
            device_type="cisco_ios", host="127.0.0.1", port=port, username=order["user"], password=order["password"]
        ) as session:
            session.enable()
            for command in order["commands"]:
                session.send_command(command)
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(len(order["ports"])) as pool:
        busy = sum(pool.map(read, order["ports"]))
    wall = time.perf_counter() - started
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "busy": busy, "rss_mb": rss}))


if __name__ == "__main__":
    main(sys.argv[1])
