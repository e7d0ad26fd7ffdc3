"""The lab switches' data plane: Open vSwitch in userspace (`datapath_type=netdev`), driven by its own tools.

VLANs are the port's `tag`, `trunks` and `vlan_mode` (ovs-vswitchd.conf.db(5)); admission is OpenFlow in table 0, in
front of the learning switch (action NORMAL), so that a frame which is not admitted is neither forwarded nor learned.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lab.net import carrier, control_socket, run, set_up
from lab.switch.dataplane import Admission, FdbEntry, ForeignFrame
from lab.switch.ovsd import control
from lab.switch.watch import Watcher
from policies.errors import EquipmentError
from policies.texts import t

#: Seconds after which a lab switch forgets a MAC that says nothing; Open vSwitch's least.
AGING_S = 15
#: OVS takes an empty `trunks` for "all VLANs"; this reserved id stands for "none".
_NO_VLAN = 4095
_PAIR, _IP_DROP, _MAC, _DROP = 400, 300, 200, 100
_FORGET_ONE_BY_ONE = 8
_OPENFLOW = "OpenFlow14"  # the first version with bundles: all flows of a change, or none


def build_bridge(db: str, name: str, ports: Iterable[str], *, internal: bool = False, tag: int | None = None) -> None:
    """Create bridge `name` in the userspace data path with `ports` numbered from 1, in one transaction.

    `internal` makes the ports taps of the bridge itself, for a switch without any cable; otherwise interfaces of these
    names must be there. `tag` makes each an access port of that VLAN. The bridge forwards nothing until somebody says
    what (fail_mode=secure): a switch must not leak while it starts.
    """
    words = ["--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail_mode=secure"]
    # Real switches forget a silent MAC after 300 s; nobody waits that long to see a rogue leave the tables.
    words += [f"other-config:mac-aging-time={AGING_S}"]
    for number, port in enumerate(ports, 1):
        words += ["--", "--may-exist", "add-port", name, port]
        words += [f"tag={tag}", "vlan_mode=access"] if tag is not None else []
        words += ["--", "set", "interface", port, f"ofport_request={number}"]
        words += ["type=internal"] if internal else []
    run(["ovs-vsctl", f"--db={db}", *words])


def access_settings(vlan: int) -> list[str]:
    """Give the database settings of an access port of `vlan`."""
    return [f"tag={vlan}", "vlan_mode=access", "trunks=[]"]


def trunk_settings(native: int, allowed: frozenset[int] | None) -> list[str]:
    """Give the database settings of a trunk; `allowed` None carries all VLANs.

    Untagged frames belong to `native`, and are dropped when the trunk does not carry it.
    """
    if allowed is None:
        return [f"tag={native}", "vlan_mode=native-untagged", "trunks=[]"]
    trunks = f"trunks=[{','.join(str(vlan) for vlan in sorted(allowed or {_NO_VLAN}))}]"
    if native in allowed:
        return [f"tag={native}", "vlan_mode=native-untagged", trunks]
    return ["tag=[]", "vlan_mode=trunk", trunks]


class OvsDataPlane:
    """The :class:`~lab.switch.dataplane.DataPlane` of the bridge `name` behind the database `db`.

    `netns` is the switch's network namespace; None when the process itself runs in it. Changes take effect when the
    call returns; inside `with plane.batch():` they are collected and take effect together at its end, which is what a
    switch with many ports wants at start-up.
    """

    def __init__(self, db: str, rundir: str | Path, name: str = "br0", *, netns: str | None = None) -> None:
        self._db = db
        self._rundir = Path(rundir)
        self._name = name
        self._netns = netns
        self._control = control_socket(netns)
        self._lock = threading.RLock()
        self._depth = 0
        self._config: dict[str, list[str]] = {}
        self._flows: dict[str, list[str]] = {}
        self._forget: set[str] = set()
        self._based = False
        self._numbers = self._read_numbers()
        self._admissions: dict[str, Admission] = {}
        self._native: dict[str, int] = {}
        self._watcher: Watcher | None = None

    def ports(self) -> list[str]:
        """Name the ports, in order."""
        return sorted(self._numbers, key=lambda port: self._numbers[port])

    def set_access(self, port: str, vlan: int) -> None:
        """Make `port` an access port of `vlan`."""
        with self._changing(port):
            self._native[port] = vlan
            self._config[port] = access_settings(vlan)

    def set_trunk(self, port: str, native: int, allowed: frozenset[int] | None) -> None:
        """Make `port` a trunk; `allowed` None carries all VLANs.

        Untagged frames belong to `native`, and are dropped when the trunk does not carry it.
        """
        with self._changing(port):
            self._native[port] = native
            self._config[port] = trunk_settings(native, allowed)

    def set_admin(self, port: str, up: bool) -> None:
        """Shut or open `port`: a shut port neither receives nor sends, and its peer sees the link go down."""
        self._number(port)
        set_up(self._control, port, up)
        if not up:
            with self._changing(port):
                pass

    def set_admission(self, port: str, admission: Admission) -> None:
        """Set which frames `port` admits; takes effect at once and forgets what was learned there."""
        with self._changing(port):
            self._admissions[port] = admission
            self._flows[port] = admission_flows(self._number(port), admission)

    def link_up(self, port: str) -> bool:
        """Tell whether the port has a link (admin up here and the peer's end up)."""
        self._number(port)
        return carrier(self._control, port)

    def fdb(self) -> list[FdbEntry]:
        """Read the forwarding database."""
        names = {number: port for port, number in self._numbers.items()}
        entries = []
        for line in self._appctl("fdb/show", self._name).splitlines():
            match = re.match(r"\s*(\d+)\s+(\d+)\s+([0-9a-f:]{17})\s+(\d+)\s*$", line)
            if match and int(match[1]) in names:
                entries.append(FdbEntry(int(match[2]), match[3], names[int(match[1])], int(match[4])))
        return entries

    def watch(self, foreign: ForeignFrame) -> None:
        """Call `foreign` from a thread for frames that a port does not admit; at most 50 a second per port and MAC."""
        if self._watcher is None:
            self._watcher = Watcher(self._netns, self._admitted, self._vlan_of)
        self._watcher.start(self._numbers, foreign)

    def close(self) -> None:
        """Release what was opened; forwarding itself goes on until the switch is stopped."""
        if self._watcher is not None:
            self._watcher.stop()
        self._control.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect VLAN and admission changes made in the block and apply them together when it ends.

        The configuration goes in one database transaction and the flows in one OpenFlow bundle. Nothing is applied when
        the block raises.
        """
        with self._lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                self._config.clear()
                self._flows.clear()
                self._forget.clear()
                raise
            finally:
                self._depth -= 1
            if self._depth == 0:
                self._apply()

    @contextmanager
    def _changing(self, port: str) -> Iterator[None]:
        self._number(port)
        with self.batch():
            self._forget.add(port)
            yield

    def _apply(self) -> None:
        config, flows, forget = dict(self._config), dict(self._flows), set(self._forget)
        self._config.clear()
        self._flows.clear()
        self._forget.clear()
        if config:
            words = [word for port, settings in config.items() for word in ("--", "set", "port", port, *settings)]
            run(["ovs-vsctl", f"--db={self._db}", *words[1:]])
        self._send_flows(flows)
        self._forget_learned(forget)

    def _send_flows(self, flows: Mapping[str, list[str]]) -> None:
        lines = [] if self._based else ["add priority=0,actions=NORMAL"]
        for port, wanted in flows.items():
            number = self._number(port)
            lines.append(f"delete cookie={number:#x}/-1")
            lines += [f"add cookie={number:#x},{flow}" for flow in wanted]
        if not lines:
            return
        target = f"unix:{self._rundir}/{self._name}.mgmt"
        run(["ovs-ofctl", "--bundle", "-O", _OPENFLOW, "add-flows", target, "-"], given="\n".join(lines) + "\n")
        self._based = True

    def forget(self, port: str) -> None:
        """Forget what was learned on `port`, as switching hardware does when the link goes."""
        self._forget_learned({port})

    def _forget_learned(self, ports: set[str]) -> None:
        learned = [entry for entry in self.fdb() if entry.port in ports] if ports else []
        if len(learned) > _FORGET_ONE_BY_ONE:
            self._appctl("fdb/flush", self._name)
            return
        for entry in learned:
            # fdb/del takes static entries only: make it one first. A flush would make the switch forget silent hosts on
            # all other ports too, and a discovery would miss them.
            self._appctl("fdb/add", self._name, entry.port, str(entry.vlan), entry.mac)
            self._appctl("fdb/del", self._name, str(entry.vlan), entry.mac)

    def _appctl(self, *words: str) -> str:
        return run(["ovs-appctl", "-t", control(self._rundir), *words])

    def _number(self, port: str) -> int:
        try:
            return self._numbers[port]
        except KeyError:
            raise EquipmentError(t("the data plane has no port '{port}'", port=port), where=self._name) from None

    def _read_numbers(self) -> dict[str, int]:
        argv = ["ovs-vsctl", f"--db={self._db}", "--format=csv", "--data=bare", "--no-headings"]
        ports = set(run([*argv, "list-ports", self._name]).split())
        rows = run([*argv, "--columns=name,ofport", "list", "interface"]).splitlines()
        pairs = (row.rsplit(",", 1) for row in rows)
        return {name: int(number) for name, number in pairs if name in ports and number.isdigit()}

    def _admitted(self, port: str, mac: str) -> bool:
        admission = self._admissions.get(port)
        return admission is None or admission.macs is None or mac in admission.macs

    def _vlan_of(self, port: str) -> int:
        return self._native.get(port, 0)


def admission_flows(number: int, admission: Admission) -> list[str]:
    """Give the flows (ovs-ofctl syntax, without cookie) which admit on OpenFlow port `number` what `admission` says.

    With pairs, IPv4 and ARP frames pass only when source MAC and source address are one of them (ARP: in the Ethernet
    header and in the ARP body alike); other frames pass by their MAC alone.
    """
    here = f"in_port={number}"
    flows: list[str] = []
    if admission.pairs is not None:
        for mac, ip in sorted(admission.pairs):
            if admission.macs is None or mac in admission.macs:
                source = f"priority={_PAIR},{here},dl_src={mac}"
                flows.append(f"{source},arp,arp_sha={mac},arp_spa={ip},actions=NORMAL")
                flows.append(f"{source},ip,nw_src={ip},actions=NORMAL")
        flows += [f"priority={_IP_DROP},{here},{kind},actions=drop" for kind in ("arp", "ip")]
    if admission.macs is not None:
        flows += [f"priority={_MAC},{here},dl_src={mac},actions=NORMAL" for mac in sorted(admission.macs)]
        flows.append(f"priority={_DROP},{here},actions=drop")
    return flows
