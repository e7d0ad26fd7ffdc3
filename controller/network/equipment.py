"""One declared switch as the flow reaches it: address and secrets in, sessions and readings out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from controller.secrets.resolve import resolve
from drivers.dialects import dialect
from drivers.reading import read_state
from drivers.session import Session
from drivers.transports import Channel
from policies.model import ObservedSwitch
from policies.site import Site, Switch

#: The host that means: the controller itself is the switch (Open vSwitch on this machine).
LOCAL = "local"


class SwitchEquipment:
    """An :class:`drivers.flow.Equipment` for a switch of the site."""

    def __init__(self, site: Site, switch: Switch, clock: Callable[[], datetime]) -> None:
        self.site, self.switch, self.clock = site, switch, clock
        self.dialect = dialect(switch.platform)

    def session(self) -> AbstractContextManager[Session]:
        """Open a new session; secrets are resolved now and kept by nobody.

        Raises:
            ConfigError: a secret's reference leads nowhere.
            Unreachable, AuthenticationFailed, HostKeyMismatch, DeviceTimeout: no session.

        """
        enable = self._secret(self.switch.enable or self.switch.password)
        return Session(
            self._channel(),
            self.dialect,
            switch=self.switch.name,
            timeout=self.switch.timeout_s,
            enable_password=enable,
            parameters=dict(self.switch.settings),
        )

    def observe(self, session: Session) -> ObservedSwitch:
        """Read the whole state through `session`."""
        return read_state(session, self.switch.name, self.clock())

    def _channel(self) -> Channel:
        if self.switch.host == LOCAL:
            from drivers.transports.local import LocalChannel

            return LocalChannel()
        from drivers.transports.ssh import SshAddress, SshChannel

        return SshChannel(
            SshAddress(
                switch=self.switch.name,
                host=self.switch.host,
                port=self.switch.port,
                username=self.switch.username,
                password=self._secret(self.switch.password),
                key=self._secret(self.switch.key),
                host_key=self.switch.host_key,
                known_hosts=self.site.folder / "known_hosts",
                timeout=self.switch.timeout_s,
            )
        )

    def _secret(self, reference: str | None) -> str | None:
        return resolve(reference, self.site.folder).reveal() if reference is not None else None
