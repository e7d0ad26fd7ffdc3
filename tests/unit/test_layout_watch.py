"""[watch] of site.toml: what belongs on the wire beside the inventory."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import ConfigError
from policies.load import load_site
from policies.site import Site, Watch

HEAD = '[site]\nname = "hq"\n'


def loaded(folder: Path, text: str) -> Site:
    (folder / "site.toml").write_text(HEAD + text, "utf-8")
    return load_site(folder)


def test_without_the_table_nothing_is_declared(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").watch == Watch()


def test_all_of_it(tmp_path: Path) -> None:
    site = loaded(
        tmp_path,
        '[watch]\nnetworks = ["10.7.0.0/24", "fd00::/64"]\nvlans = "100,200"\ngateways = "0011.2233.4455"\n'
        'dhcp_servers = ["10.7.0.1"]\n[watch.peers.platform]\nnetworks = ["10.9.0.5/32"]\n'
        '[[watch.flows]]\nfrom = "camera"\nto = "platform"\nports = ["tcp/443"]\n'
        '[[watch.flows]]\nfrom = "camera"\nto = "recorder"\n',
    )
    assert site.watch == Watch(
        ("10.7.0.0/24", "fd00::/64"), frozenset({100, 200}), ("00:11:22:33:44:55",), ("10.7.0.1",),
        (("platform", ("10.9.0.5/32",)),), (("camera", "platform", ("tcp/443",)), ("camera", "recorder", ())),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('networks = ["10.7.0.1/24"]', "watch.networks[1]"),
        ('gateways = ["x"]', "watch.gateways[1]"),
        ('dhcp_servers = ["fe80::1"]', "watch.dhcp_servers[1]"),
        ('[watch.peers.camera]\nnetworks = ["10.9.0.0/24"]', "watch.peers.camera"),
        ("[watch.peers.x]", "watch.peers.x.networks"),
        ('[[watch.flows]]\nfrom = "camera"\nto = "platform"', "watch.flows[1].to"),
        ('[[watch.flows]]\nfrom = "camera"\nto = "server"\nports = ["tcp/0"]', "watch.flows[1].ports[1]"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[watch]\n{text}\n")
    assert words in str(caught.value)
