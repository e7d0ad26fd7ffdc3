"""One client of the bench of audits: `python -m bench.audit_clients WHO ORDER READS ROUNDS THREADS`.

WHO is ours, netmiko or asyncssh; ORDER a file that bench/audit.py writes. READS of each switch's commands in turn are
asked in each of ROUNDS sessions a switch, THREADS at a time; READS 0 is ours only: the whole audit, rows and rules
included. Prints wall and CPU seconds, and for each switch and command what was answered (digests), as JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.audit_fleet import PASSWORD, USER, digest

#: Digests by switch and command.
Seen = dict[str, dict[str, set[str]]]
#: Gives the answers to a switch's commands.
Read = Callable[[dict[str, Any], list[str]], list[str]]
#: Netmiko's names of the platforms.
NETMIKO = {
    "cisco_ios": "cisco_ios", "huawei_vrp": "huawei", "huawei_vrpv8": "huawei_vrpv8", "h3c_comware": "hp_comware",
    "ruijie_os": "ruijie_os",
}  # fmt: skip
_UNPAGED = {"huawei": "screen-length 0 temporary", "h3c": "screen-length disable"}
_PROMPT = {"huawei": r"<{name}>", "h3c": r"<{name}>"}


def asked(switch: dict[str, Any], reads: int) -> list[str]:
    """Give the commands of one session."""
    return list(itertools.islice(itertools.cycle(switch["commands"]), reads))


class Pool:
    """A client with threads; `one` gives the answers of one session."""

    def __init__(self, order: dict[str, Any], reads: int, one: Read) -> None:
        self.order, self.reads, self.one = order, reads, one
        self.seen: Seen = {}
        self.errors: list[str] = []

    def run(self, rounds: int, threads: int) -> None:
        """Do all sessions."""
        jobs = self.order["switches"] * rounds
        with ThreadPoolExecutor(threads) as pool:
            for switch, said in zip(jobs, pool.map(self._one, jobs), strict=True):
                for command, text in said:
                    self.seen.setdefault(switch["name"], {}).setdefault(command, set()).add(digest(text))

    def _one(self, switch: dict[str, Any]) -> list[tuple[str, str]]:
        commands = asked(switch, self.reads)
        try:
            return list(zip(commands, self.one(switch, commands), strict=True))
        except Exception as error:  # noqa: BLE001 - counted, and shown
            self.errors.append(f"{switch['name']}: {type(error).__name__}: {' '.join(str(error).split())[:160]}")
            return []


def netmiko(switch: dict[str, Any], commands: list[str]) -> list[str]:
    """Read as Netmiko's documentation shows it."""
    from netmiko import ConnectHandler

    given = {"host": "127.0.0.1", "port": switch["port"], "username": USER, "password": PASSWORD}
    with ConnectHandler(device_type=NETMIKO[switch["platform"]], **given) as session:
        if switch["platform"] in ("cisco_ios", "ruijie_os"):
            session.enable()
        return [str(session.send_command(command)) for command in commands]


class Asyncssh:
    """The fastest client in Python that we know, written for this bench: no pool, no parser."""

    def __init__(self, order: dict[str, Any], reads: int) -> None:
        self.order, self.reads = order, reads
        self.seen: Seen = {}
        self.errors: list[str] = []

    def run(self, rounds: int, at_once: int) -> None:
        """Do all sessions."""
        asyncio.run(self._all(rounds, at_once))

    async def _all(self, rounds: int, at_once: int) -> None:
        places = asyncio.Semaphore(at_once)

        async def one(switch: dict[str, Any]) -> None:
            async with places:
                try:
                    await self._session(switch)
                except Exception as error:  # noqa: BLE001 - counted, and shown
                    self.errors.append(f"{switch['name']}: {type(error).__name__}: {error}"[:200])

        await asyncio.gather(*(one(switch) for switch in self.order["switches"] * rounds))

    async def _session(self, switch: dict[str, Any]) -> None:
        import asyncssh

        family = switch["platform"].partition("_")[0]
        prompt = re.compile(r"(?:^|\n)" + _PROMPT.get(family, r"{name}[>#]").format(name=switch["name"]) + r"\Z")
        known = asyncssh.import_known_hosts(f"[127.0.0.1]:{switch['port']} {switch['key']}\n")
        async with asyncssh.connect(
            "127.0.0.1", switch["port"], username=USER, password=PASSWORD, known_hosts=known, config=None,
            client_keys=None, agent_path=None,
        ) as connection:  # fmt: skip
            shell = await connection.create_process(term_type="vt100", term_size=(511, 24))

            async def until_prompt() -> str:
                text = ""
                while not prompt.search(text, max(0, len(text) - 80)):
                    come = await shell.stdout.read(65536)
                    if not come:
                        raise EOFError(text[-80:])
                    text += come.replace("\r", "")
                return text

            async def ask(line: str) -> str:
                shell.stdin.write(line + "\n")
                return (await until_prompt()).partition("\n")[2].rpartition("\n")[0]

            await until_prompt()
            if family in ("cisco", "ruijie"):
                await ask("enable")
            await ask(_UNPAGED.get(family, "terminal length 0"))
            said = self.seen.setdefault(switch["name"], {})
            for command in asked(switch, self.reads):
                said.setdefault(command, set()).add(digest(await ask(command)))
            shell.stdin.write("exit\n" if family in ("cisco", "ruijie") else "quit\n")


def ours(order: dict[str, Any], reads: int, stack: ExitStack) -> Pool:
    """Read through the product's sessions: host keys verified, prompts matched, refusals looked for."""
    from controller.context import open_context
    from controller.network.equipment import SwitchEquipment

    context = stack.enter_context(open_context(Path(order["site"])))

    def one(switch: dict[str, Any], commands: list[str]) -> list[str]:
        declared = context.site.switch(switch["name"])
        assert declared is not None
        with SwitchEquipment(context.site, declared, context.clock).terminal() as session:
            return [session.read(command) for command in commands]

    return Pool(order, reads, one)


class Audit:
    """The whole audit as `portseal check` does it."""

    def __init__(self, order: dict[str, Any], stack: ExitStack) -> None:
        from controller.context import open_context

        self.context = stack.enter_context(open_context(Path(order["site"])))
        self.seen: Seen = {}
        self.errors: list[str] = []
        self.figures: dict[str, float] = {}

    def run(self, _rounds: int, _threads: int) -> None:
        """Read everything, judge, and plan."""
        from controller.network.equipment import SwitchEquipment
        from controller.network.planning import findings_for, plan_for
        from controller.network.pool import on_each
        from controller.store.observations import put_observation
        from drivers.reading import Timing, read_state
        from policies.model import ObservedSwitch, Verdict
        from policies.site import Switch

        context = self.context
        spent: list[tuple[Timing, float]] = []

        def read(switch: Switch) -> ObservedSwitch:
            timing, started = Timing(), time.perf_counter()
            with SwitchEquipment(context.site, switch, context.clock).terminal() as session:
                observed = read_state(session, switch.name, context.clock(), timing)
            whole = time.perf_counter() - started
            put_observation(context.store, observed)
            spent.append((timing, whole - timing.parse_s))
            return observed

        switches = list(context.site.switches)
        started = time.perf_counter()
        answers = on_each(switches, read)
        read_s = time.perf_counter() - started
        self.errors += [error.line("en") for error in answers.errors.values()]
        started, cpu = time.perf_counter(), time.process_time()
        findings = findings_for(context, switches, answers.results)
        rules, rules_cpu = time.perf_counter() - started, time.process_time() - cpu
        started = time.perf_counter()
        changes = plan_for(context, switches, answers.results)
        self.figures = {
            "read_wall": read_s, "rules_wall": rules, "rules_cpu": rules_cpu,
            "plan_wall": time.perf_counter() - started, "changes": changes.count,
            "failures": sum(finding.verdict is Verdict.FAIL for finding in findings),
            "network": sum(network for _, network in spent), "parsing": sum(timing.parse_s for timing, _ in spent),
            "ports": sum(len(each.ports) for each in answers.results.values()),
            "bound": sum(
                bool(port.config.secure_macs) for each in answers.results.values() for port in each.ports.values()
            ),
        }  # fmt: skip


def main(who: str, order: dict[str, Any], numbers: Iterable[int]) -> None:
    """Measure one client."""
    reads, rounds, threads = numbers
    with ExitStack() as stack:
        client: Pool | Asyncssh | Audit
        if who == "netmiko":
            client = Pool(order, reads, netmiko)
        elif who == "asyncssh":
            client = Asyncssh(order, reads)
        else:
            client = ours(order, reads, stack) if reads else Audit(order, stack)
        _imported(who)
        cpu, started = time.process_time(), time.perf_counter()
        client.run(rounds, threads)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    seen = {name: {command: sorted(found) for command, found in each.items()} for name, each in client.seen.items()}
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = client.figures if isinstance(client, Audit) else {}
    print(json.dumps({"wall": wall, "cpu": cpu, "rss_mb": rss, "seen": seen, "errors": client.errors, **figures}))


def _imported(who: str) -> None:
    """Import what the client needs; that is no part of the reading."""
    from importlib import import_module

    import_module({"netmiko": "netmiko", "asyncssh": "asyncssh", "ours": "drivers.transports.ssh"}[who])


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8")), map(int, sys.argv[3:6]))
