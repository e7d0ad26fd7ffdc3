"""What the data plane does to real frames: admission, shut ports, VLANs, trunks, and what its watch reports."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import closing

import pytest

from lab.api import Host, Lab
from lab.net import carrier, control_socket, ip_batch, kill, namespaces, processes, quiet
from lab.site import PREFIX, SITE
from lab.switch.dataplane import Admission
from lab.switch.ovs import OvsDataPlane, build_bridge
from lab.switch.ovsd import Daemons
from policies.errors import EquipmentError, UsageError

pytestmark = pytest.mark.lab

WAIT = 10.0
CAM01, CAM02 = SITE.host["cam01"], SITE.host["cam02"]


@pytest.fixture
def plane(lab_fresh: Lab) -> Iterator[OvsDataPlane]:
    """Give sw1's data plane, where no vendor's switch has a say; the rogue is plugged in at eth1 instead of cam01."""
    lab_fresh.unplug("cam01")
    lab_fresh.replug("rogue", "sw1", "eth1")
    with closing(lab_fresh.data_plane("sw1")) as plane:
        yield plane


def arrives(sender: Host, receiver: Host, marker: str) -> bool:
    """Tell whether a frame sent before got through, by waiting for one that is sent now by a host that may."""
    control = sender.send_frame()
    assert receiver.seen(control, WAIT), "the control frame itself does not arrive"
    return receiver.seen(marker)


def test_every_camera_on_every_switch_streams_to_the_recorder(lab_fresh: Lab) -> None:
    recorder = lab_fresh.recorder()
    cameras = [host.name for host in SITE.hosts if host.role == "camera" and host.switch]
    assert len(cameras) == 14
    assert {SITE.host[name].switch for name in cameras} == {"sw1", "sw2", "sw3"}
    assert [name for name in cameras if not recorder.await_stream(name)] == []
    for name in cameras:
        assert recorder.received(name, SITE.host[name].mac, SITE.host[name].ip) > 0


def test_before_sealing_the_rogue_reaches_everybody(lab_fresh: Lab) -> None:
    rogue = lab_fresh.host("rogue")
    for name in ("nvr1", "srv1", "cam01", "cam14", "term2"):
        assert lab_fresh.host(name).seen(rogue.send_frame(dst=name), WAIT)


@pytest.mark.parametrize("kind", ["udp", "arp", "raw"])
def test_a_foreign_mac_does_not_get_through_a_port_that_admits_another(
    lab_fresh: Lab, plane: OvsDataPlane, kind: str
) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    assert recorder.seen(rogue.send_frame(kind=kind), WAIT)
    plane.set_admission("eth1", Admission(macs=frozenset({CAM01.mac})))
    assert not arrives(camera, recorder, rogue.send_frame(kind=kind))
    plane.set_admission("eth1", Admission())
    assert recorder.seen(rogue.send_frame(kind=kind), WAIT)


def test_the_admitted_mac_gets_through_its_port_and_no_mac_through_an_empty_list(
    lab_fresh: Lab, plane: OvsDataPlane
) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    plane.set_admission("eth1", Admission(macs=frozenset({CAM01.mac})))
    assert recorder.seen(rogue.send_frame(CAM01.mac), WAIT)
    plane.set_admission("eth1", Admission(macs=frozenset()))
    assert not arrives(camera, recorder, rogue.send_frame(CAM01.mac))


def test_with_pairs_only_the_bound_address_gets_through_and_other_protocols_go_by_mac(
    lab_fresh: Lab, plane: OvsDataPlane
) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    pairs = frozenset({(CAM01.mac, CAM01.ip)})
    plane.set_admission("eth1", Admission(frozenset({CAM01.mac}), pairs))
    for kind in ("udp", "arp"):
        assert recorder.seen(rogue.send_frame(CAM01.mac, CAM01.ip, kind=kind), WAIT)
        assert not arrives(camera, recorder, rogue.send_frame(CAM01.mac, "198.18.100.77", kind=kind))
        assert not arrives(camera, recorder, rogue.send_frame(None, CAM01.ip, kind=kind))
    assert recorder.seen(rogue.send_frame(CAM01.mac, kind="raw"), WAIT)
    plane.set_admission("eth1", Admission(None, pairs))
    assert recorder.seen(rogue.send_frame(kind="raw"), WAIT)
    assert not arrives(camera, recorder, rogue.send_frame())


def test_a_frame_that_is_not_admitted_is_not_learned_and_old_knowledge_is_forgotten(
    lab_fresh: Lab, plane: OvsDataPlane
) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    rogue.stream(False)
    assert recorder.seen(rogue.send_frame(), WAIT)
    assert (rogue.spec.mac, "eth1", 100) in {(entry.mac, entry.port, entry.vlan) for entry in plane.fdb()}
    plane.set_admission("eth1", Admission(macs=frozenset({CAM01.mac})))
    assert rogue.spec.mac not in {entry.mac for entry in plane.fdb()}
    assert not arrives(camera, recorder, rogue.send_frame())
    learned = {entry.mac: entry.port for entry in plane.fdb()}
    assert rogue.spec.mac not in learned
    assert learned[CAM02.mac] == "eth2"


def test_a_shut_port_carries_nothing_and_its_peer_loses_the_link(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    camera, other, recorder = (lab_fresh.host(name) for name in ("cam02", "cam03", "nvr1"))
    with closing(control_socket(PREFIX + "cam02")) as inside:
        assert plane.link_up("eth2")
        assert carrier(inside, "eth0")
        plane.set_admin("eth2", False)
        assert not plane.link_up("eth2")
        assert not carrier(inside, "eth0")
        assert not arrives(other, recorder, camera.send_frame())
        plane.set_admin("eth2", True)
        assert plane.link_up("eth2")
        assert carrier(inside, "eth0")
    assert recorder.await_stream("cam02")
    assert not plane.link_up("eth7"), "nobody is plugged in at eth7"


def test_hosts_in_different_vlans_do_not_hear_each_other(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    two, three, four, recorder = (lab_fresh.host(name) for name in ("cam02", "cam03", "cam04", "nvr1"))
    assert three.seen(two.send_frame(dst="cam03"), WAIT)
    plane.set_access("eth2", 200)
    marker = two.send_frame(dst="cam03")
    assert not arrives(four, recorder, marker)
    assert not three.seen(marker)
    assert not arrives(four, recorder, two.send_frame(kind="arp")), "a broadcast stays in its VLAN too"
    plane.set_access("eth3", 200)
    assert three.seen(two.send_frame(dst="cam03"), WAIT)


def test_an_access_port_takes_no_tagged_frame(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    assert recorder.seen(rogue.send_frame(), WAIT)
    assert not arrives(camera, recorder, rogue.send_frame(vlan=100))
    assert not arrives(camera, recorder, rogue.send_frame(vlan=200))


def test_a_trunk_carries_the_allowed_vlans_and_its_native_vlan_only_if_allowed(
    lab_fresh: Lab, plane: OvsDataPlane
) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    plane.set_trunk("eth1", 1, frozenset({100, 200}))
    assert recorder.seen(rogue.send_frame(vlan=100), WAIT)
    assert not arrives(camera, recorder, rogue.send_frame(vlan=200)), "VLAN 200 ends at this switch"
    assert not arrives(camera, recorder, rogue.send_frame()), "untagged is VLAN 1, which the trunk does not carry"
    plane.set_trunk("eth1", 100, frozenset({100}))
    assert recorder.seen(rogue.send_frame(), WAIT)
    plane.set_trunk("eth1", 100, None)
    assert recorder.seen(rogue.send_frame(), WAIT)
    plane.set_trunk("eth1", 1, frozenset())
    assert not arrives(camera, recorder, rogue.send_frame(vlan=100)), "a trunk without VLANs carries none"


def test_the_cable_between_switches_carries_the_face_vlan_alone(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    camera, rogue, recorder = (lab_fresh.host(name) for name in ("cam02", "rogue", "nvr1"))
    lab_fresh.replug("cam03", "sw2", "GigabitEthernet1/0/12")
    with closing(lab_fresh.data_plane("sw2")) as other:
        plane.set_access("eth1", 999)
        other.set_access("p12", 999)
        marker = rogue.send_frame(dst="cam03")
        assert not arrives(camera, recorder, marker)
        assert not lab_fresh.host("cam03").seen(marker)
        plane.set_trunk("eth12", 1, frozenset({100, 999}))
        other.set_trunk("p24", 1, frozenset({100, 999}))
        assert lab_fresh.host("cam03").seen(rogue.send_frame(dst="cam03"), WAIT)


def test_the_watch_reports_frames_that_a_port_does_not_admit_and_no_others(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    rogue.stream(False)
    told: queue.Queue[tuple[str, str, int]] = queue.Queue()
    plane.set_access("eth1", 100)
    plane.set_admission("eth1", Admission(macs=frozenset({CAM01.mac})))
    plane.set_admission("eth2", Admission(macs=frozenset({CAM02.mac})))
    plane.watch(lambda port, mac, vlan: told.put((port, mac, vlan)))
    rogue.send_frame()
    assert told.get(timeout=WAIT) == ("eth1", rogue.spec.mac, 100)
    rogue.send_frame(CAM01.mac)
    rogue.send_frame("02:ba:d0:00:00:67", vlan=300)
    assert told.get(timeout=WAIT) == ("eth1", "02:ba:d0:00:00:67", 300)
    assert recorder.seen(camera.send_frame(), WAIT)
    plane.close()
    assert told.empty()


def test_a_batch_takes_effect_as_a_whole_or_not_at_all(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    rogue, camera, recorder = (lab_fresh.host(name) for name in ("rogue", "cam02", "nvr1"))
    closed = Admission(macs=frozenset())
    with pytest.raises(ZeroDivisionError), plane.batch():
        plane.set_access("eth1", 200)
        plane.set_admission("eth1", closed)
        raise ZeroDivisionError
    assert recorder.seen(rogue.send_frame(), WAIT)
    with plane.batch():
        plane.set_access("eth3", 200)
        plane.set_admission("eth1", closed)
    assert not arrives(camera, recorder, rogue.send_frame())
    assert not arrives(camera, recorder, lab_fresh.host("cam03").send_frame())


def test_a_port_that_is_not_there_is_named(lab_fresh: Lab, plane: OvsDataPlane) -> None:
    with pytest.raises(EquipmentError, match="eth99"):
        plane.set_access("eth99", 1)
    with pytest.raises(EquipmentError, match="eth99"):
        plane.set_admin("eth99", False)


def test_a_host_keeps_its_stream_when_its_cable_moves_and_shows_another_mac_when_told_to(lab_fresh: Lab) -> None:
    recorder = lab_fresh.recorder()
    lab_fresh.replug("cam02", "sw3", "GigabitEthernet1/0/12")
    assert recorder.await_stream("cam02")
    lab_fresh.host("cam01").stream(False)  # else the answers to the clone's ARP reach whoever of the two spoke last
    lab_fresh.spoof("cam02", CAM01.mac)
    before = recorder.received("cam02", CAM01.mac)
    assert recorder.await_stream("cam02")
    assert recorder.received("cam02", CAM01.mac) > before
    lab_fresh.spoof("cam02", None)
    assert recorder.await_stream("cam02")
    with pytest.raises(UsageError, match="cam03"):
        lab_fresh.replug("cam02", "sw1", "eth3")
    with pytest.raises(UsageError, match="uplink"):
        lab_fresh.replug("cam02", "sw1", "eth12")


def test_the_spare_camera_streams_once_it_is_taken_from_the_shelf(lab_fresh: Lab) -> None:
    assert lab_fresh.recorder().received("cam15") == 0 or "cam15" not in lab_fresh.plugged()
    lab_fresh.replug("cam15", "sw3", "GigabitEthernet1/0/9")
    assert lab_fresh.recorder().await_stream("cam15")


@pytest.mark.parametrize("switch", ["sw1", "sw2"])
def test_streams_come_back_after_a_switch_lost_its_power(lab_fresh: Lab, switch: str) -> None:
    lab_fresh.reboot(switch)
    names = [host.name for host in SITE.hosts if host.role == "camera" and host.switch]
    assert [name for name in names if not lab_fresh.recorder().await_stream(name)] == []


def test_a_bridge_of_many_ports_without_cables_is_built_in_one_step(tmp_path_factory: pytest.TempPathFactory) -> None:
    netns, folder = "portseal-test-bridge", tmp_path_factory.mktemp("b")
    ip_batch([f"netns add {netns}"])
    try:
        quiet(netns)
        daemons = Daemons(folder, folder / "conf.db", netns)
        daemons.start()
        ports = [f"p{number}" for number in range(1, 43)]
        build_bridge(daemons.db, "br0", ports, internal=True)
        with closing(OvsDataPlane(daemons.db, folder, "br0", netns=netns)) as plane:
            assert plane.ports() == ports
            with plane.batch():
                for port in ports:
                    plane.set_access(port, 100)
                    plane.set_admission(port, Admission(frozenset({CAM01.mac}), frozenset({(CAM01.mac, CAM01.ip)})))
            plane.set_admin("p42", True)
            assert plane.link_up("p42")
            assert plane.fdb() == []
    finally:
        kill(processes(netns))
        ip_batch([f"netns del {netns}"])
    assert namespaces(netns) == []
