"""How bytes reach a device: SSH (Netmiko), a local shell, or a recording replayed one byte at a time."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """A terminal conversation: it carries text, the session knows prompts. `where` names it in errors."""

    where: str

    def write(self, text: str) -> None:
        """Send `text` as typed.

        Raises:
            Unreachable: the conversation has ended.

        """

    def read(self, timeout: float) -> str:
        """Wait for data and give what has come, never empty; `timeout` is in seconds.

        Raises:
            DeviceTimeout: nothing came in time.
            Unreachable: the other side closed the conversation.

        """
        ...

    def close(self) -> None:
        """End the conversation; may be called twice."""
