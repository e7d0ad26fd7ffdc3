"""One client of the bench of SNMP, in a process of its own: `python -m bench.snmp_clients WHO VERSION PORTS`.

WHO is ours, pysnmp or snmpbulkwalk; VERSION v2c or v3. Prints rows, wall and CPU seconds as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.snmp_agents import AUTH, COLUMN, PRIV, USER
from controller.network.pool import WORKERS
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.session import SnmpSession

_NET_SNMP = {
    "v2c": ["-v2c", "-c", "bench"],
    "v3": ["-v3", "-u", USER, "-l", "authPriv", "-a", "SHA", "-A", AUTH, "-x", "AES", "-X", PRIV],
}


def ours(ports: list[int], version: str) -> int:
    """Walk with the product's session, as many at a time as the product has."""

    def walk(port: int) -> int:
        access = ResolvedSnmp("127.0.0.1", port, "bench")
        if version == "v3":
            access = ResolvedSnmp("127.0.0.1", port, user=USER, auth_password=AUTH, priv_password=PRIV)
        with SnmpSession(access) as session:
            return len(session.column(COLUMN))

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(walk, ports))


def net_snmp(ports: list[int], version: str) -> int:
    """Walk with net-snmp's program, as many at a time."""

    def walk(port: int) -> int:
        argv = ["snmpbulkwalk", "-Cr50", "-On", "-OQ", *_NET_SNMP[version], f"127.0.0.1:{port}", COLUMN]
        return subprocess.run(argv, capture_output=True, check=True).stdout.count(b"\n")

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(walk, ports))


def pysnmp(ports: list[int], version: str) -> int:
    """Walk with pysnmp, as it is used best: without looking up MIBs, one engine."""
    return asyncio.run(_pysnmp(ports, version))


async def _pysnmp(ports: list[int], version: str) -> int:
    from pysnmp.hlapi.v3arch import asyncio as api

    engine = api.SnmpEngine()
    user = (
        api.CommunityData("bench", mpModel=1)
        if version == "v2c"
        else api.UsmUserData(
            USER, AUTH, PRIV, authProtocol=api.usmHMACSHAAuthProtocol, privProtocol=api.usmAesCfb128Protocol
        )
    )
    places = asyncio.Semaphore(WORKERS)

    async def walk(port: int) -> int:
        async with places:
            target = await api.UdpTransportTarget.create(("127.0.0.1", port), timeout=10, retries=2)
            start, rows = api.ObjectType(api.ObjectIdentity(COLUMN)), 0
            answers = api.bulk_walk_cmd(
                engine, user, target, api.ContextData(), 0, 50, start, lookupMib=False, lexicographicMode=False
            )
            async for problem, status, _, binds in answers:
                if problem or status:
                    raise RuntimeError(str(problem or status))
                rows += len(binds)
            return rows

    found = await asyncio.gather(*(walk(port) for port in ports))
    engine.close_dispatcher()
    return sum(found)


CLIENTS: dict[str, Callable[[list[int], str], int]] = {"ours": ours, "pysnmp": pysnmp, "snmpbulkwalk": net_snmp}


def main(who: str, version: str, ports: list[int]) -> None:
    """Measure one client."""
    CLIENTS[who](ports[:1], version)  # imports and caches are no part of the reading
    before, started = _cpu(), time.perf_counter()
    rows = CLIENTS[who](ports, version)
    print(json.dumps({"rows": rows, "wall": time.perf_counter() - started, "cpu": _cpu() - before}))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
