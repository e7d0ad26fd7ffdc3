"""One declared switch as the flow reaches it: address and secrets in, sessions and readings out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from controller.secrets.resolve import resolve
from drivers.dialects import dialect, spoken
from drivers.reading import read_state
from drivers.session import Session
from drivers.snmp.conversation import SnmpConversation
from drivers.transports import Channel
from policies.model import ObservedSwitch
from policies.site import Site, Switch

#: The host that means: the controller itself is the switch (Open vSwitch on this machine).
LOCAL = "local"


class SwitchEquipment:
    """An :class:`drivers.flow.Equipment` for a switch of the site, over SSH or SNMP as the site says."""

    def __init__(self, site: Site, switch: Switch, clock: Callable[[], datetime]) -> None:
        self.site, self.switch, self.clock = site, switch, clock
        self.dialect = spoken(switch)

    def session(self) -> AbstractContextManager[Session | SnmpConversation]:
        """Open a new session; secrets are resolved now and kept by nobody.

        Raises:
            ConfigError: a secret's reference leads nowhere.
            Unreachable, AuthenticationFailed, HostKeyMismatch, DeviceTimeout: no session.

        """
        return self.terminal() if self.dialect.snmp is None else self._conversation()

    def terminal(self) -> AbstractContextManager[Session]:
        """Open a session at the command line, however the switch is written; errors as of :meth:`session`."""
        enable = self._secret(self.switch.enable or self.switch.password)
        return Session(
            self.channel(),
            dialect(self.switch.platform),
            switch=self.switch.name,
            timeout=self.switch.timeout_s,
            enable_password=enable,
            parameters=dict(self.switch.settings),
        )

    def observe(self, session: Session | SnmpConversation) -> ObservedSwitch:
        """Read the whole state through `session`."""
        if isinstance(session, SnmpConversation):
            return session.state(self.clock())
        return read_state(session, self.switch.name, self.clock())

    def _conversation(self) -> SnmpConversation:
        from drivers.snmp.access import resolve as readable
        from drivers.snmp.access import resolve_writing
        from drivers.snmp.conversation import SnmpWay

        access = self.switch.snmp
        assert access is not None, "the site's declaration was checked when it was read"

        def reveal(reference: str) -> str:
            return resolve(reference, self.site.folder, where=f"switches.{self.switch.name}.snmp").reveal()

        return SnmpConversation(
            SnmpWay(readable(access, reveal), resolve_writing(access, reveal)),
            self.dialect,
            switch=self.switch.name,
            timeout=self.switch.timeout_s,
            parameters=dict(self.switch.settings),
        )

    def channel(self) -> Channel:
        """Log in, and say nothing yet; errors as of :meth:`session`."""
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
