"""[traps] of site.toml: where notifications are received, and whose passwords stay references."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.secret import references
from policies.errors import ConfigError
from policies.load import load_site
from policies.site import Site, Traps, TrapUser

HEAD = '[site]\nname = "hq"\n'


def loaded(folder: Path, text: str) -> Site:
    (folder / "site.toml").write_text(HEAD + text, "utf-8")
    return load_site(folder)


def test_without_the_table_nothing_is_received(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").traps == Traps()
    assert Traps().listen == ""


def test_communities_and_users_are_references(tmp_path: Path) -> None:
    site = loaded(
        tmp_path,
        '[traps]\nlisten = "10.0.0.5"\nport = 1162\ncommunities = ["secret:c"]\n'
        '[[traps.users]]\nname = "t"\nauth_password = "secret:a"\npriv_protocol = "aes256c"\npriv_password = "env:P"\n'
        '[switches.sw1]\nplatform = "cisco_ios"\nhost = "10.0.0.1"\ntrap_sources = ["10.0.0.9", "core"]\n',
    )
    user = TrapUser("t", "sha", "secret:a", "aes256c", "env:P")
    assert site.traps == Traps("10.0.0.5", 1162, ("secret:c",), (user,))
    assert site.switches[0].trap_sources == ("10.0.0.9", "core")
    assert dict(references(site)) == {
        "traps.communities[1]": "secret:c", "traps.users.t.auth_password": "secret:a",
        "traps.users.t.priv_password": "env:P",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[traps]\ncommunities = ["public"]', "traps.communities[1]"),
        ('[[traps.users]]\nname = "t"', "traps.users[1]"),
        ("[traps]\nport = 0", "traps.port"),
        (
            '[[traps.users]]\nname = "t"\nauth_password = "secret:a"\n' * 2,
            "traps.users[2].name",
        ),
    ],
    ids=["community in clear", "no password", "no port", "twice"],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert words in str(caught.value)
    assert "public" not in str(caught.value)
