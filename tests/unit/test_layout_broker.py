"""The sections [broker] and [web] of site.toml, and the names that must fit into topics and certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import ConfigError
from policies.load import load_site
from policies.site import Broker, BrokerMode, Site, Web

HEAD = '[site]\nname = "park"\n'
EXTERNAL = '[broker]\nmode = "external"\nhost = "mqtt.example"\nauthority = "keys/theirs.pem"\n'


def loaded(folder: Path, text: str, head: str = HEAD) -> Site:
    (folder / "site.toml").write_text(head + text, "utf-8")
    return load_site(folder)


def test_without_a_word_the_broker_is_managed_and_the_door_is_on_its_port(tmp_path: Path) -> None:
    site = loaded(tmp_path, "")
    assert (site.broker, site.web) == (Broker(), Web())
    assert site.broker.mode is BrokerMode.MANAGED
    assert (site.broker.port, site.broker.legacy_port, site.web.port) == (8883, 1883, 8843)


def test_a_managed_broker_with_all_that_can_be_said(tmp_path: Path) -> None:
    text = """[broker]
host = "10.1.0.2"
names = ["portseal.example", "fd00::2"]
listen = "10.1.0.2"
port = 18883
legacy_listen = "10.9.0.2"
legacy_port = 1883
[web]
host = "door.example"
listen = "10.1.0.2"
port = 443
"""
    site = loaded(tmp_path, text)
    assert site.broker == Broker(
        host="10.1.0.2", names=("portseal.example", "fd00::2"), listen="10.1.0.2", port=18883,
        legacy_listen="10.9.0.2", legacy_port=1883,
    )  # fmt: skip
    assert site.web == Web("door.example", "10.1.0.2", 443)


def test_an_external_broker_names_who_vouches_for_it(tmp_path: Path) -> None:
    site = loaded(tmp_path, EXTERNAL + 'certificate = "a.pem"\nkey = "a.key"\n')
    assert site.broker.mode is BrokerMode.EXTERNAL
    assert (site.broker.authority, site.broker.certificate, site.broker.key) == ("keys/theirs.pem", "a.pem", "a.key")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[broker]\nmode = "mine"\n', "broker.mode: 'mine' is none of"),
        ('[broker]\nhost = "10.1.0.2:8883"\n', "broker.host: the host holds a port number"),
        ('[broker]\nnames = ["a b"]\n', r"broker.names\[1\]: not a host name"),
        ("[broker]\nport = 0\n", "broker.port: the number is out of range"),
        ('[broker]\nauthority = "x.pem"\n', "broker.authority: this key belongs to an external broker"),
        ('[broker]\nkey = "x.key"\n', "broker.key: this key belongs to an external broker"),
        ("[broker]\nlegacy_port = 8883\n", "broker.legacy_port: the broker listens on port 8883 too"),
        ("[web]\nport = 8883\n", "web.port: the broker listens on port 8883 too"),
        ('[broker]\nmode = "external"\nauthority = "x"\n', "broker.host: an external broker needs the key host"),
        ('[broker]\nmode = "external"\nhost = "x"\n', "broker.authority: an external broker needs the key authority"),
        (EXTERNAL + 'certificate = "a.pem"\n', "broker.key: certificate and key belong together"),
        (EXTERNAL + 'key = "a.key"\n', "broker.certificate: certificate and key belong together"),
        (EXTERNAL + "legacy_port = 1884\n", "broker.legacy_port: an external broker has its listeners"),
        ("[broker]\nhots = 1\n", "broker.hots: unknown key 'hots'. Next: is host meant"),
    ],
)
def test_a_contradiction_names_the_key_to_correct(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, text)


def test_a_name_that_fits_into_no_certificate_is_refused_where_it_stands(tmp_path: Path) -> None:
    long = "终端" * 10
    text = f'[terminals."{long}"]\nplatform = "linux"\nagent = true\nplace = "a"\nowner = "b"\n'
    with pytest.raises(ConfigError, match=r"terminals\..*cannot be the name of a process on the broker"):
        loaded(tmp_path, text)
    without = text.replace("true", "false")
    assert loaded(tmp_path, without).terminals[0].name == long  # it never speaks on the broker
    with pytest.raises(ConfigError, match="too long for a topic"):
        loaded(tmp_path, "", f'[site]\nname = "{"园" * 22}"\n')
