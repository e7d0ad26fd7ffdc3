"""A new certificate in place of the present one, before its end: asked for over TLS with the present one."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from agent.config import load_config
from agent.enrol import files
from agent.enrol.door import post
from agent.enrol.files import Enrolled
from agent.enrol.keys import checked_certificate, due, make_key, valid_until
from agent.enrol.run import Done
from agent.link.identity import agent_key
from policies.errors import ConfigError, InputError, PortsealError
from policies.messages.bundle import At
from policies.messages.enrolment import make_renewal, read_answer
from policies.texts import t

_log = logging.getLogger("portseal.enrol")

#: Seconds from the agent's start to its first look at its certificate, and between two looks.
FIRST, EVERY = 2.0, 6 * 3600.0


def renew(folder: Path) -> Done:
    """Get a new certificate for a new key and put both in place; the agent uses them from its next connection on.

    Raises ConfigError when the terminal is not enrolled, and what the door and the answer raise.
    """
    with files.alone(folder):
        config = load_config(folder)
        broker, door = config.broker, config.door
        if broker is None or door is None:
            raise ConfigError(
                t("this terminal has no certificate that could be renewed"),
                where=str(folder),
                next_step=t("enrol it with the bundle that the controller's administrator gives you"),
            )
        agent, made = agent_key(config.state), make_key(config.terminal)
        request = make_renewal(config.site, config.terminal, made.csr, agent)
        authority = files.read_file(door.authority)
        at = At(door.host, door.port)
        answer = read_answer(
            post(at, "/renew", request.raw, authority, (broker.certificate, broker.key)), config.grant_key, str(at)
        )
        if (answer.iss, answer.aud, answer.request) != (config.site, config.terminal, request.digest):
            raise InputError(t("the answer is to another request"), where=str(at), next_step=t("repeat it"))
        now = datetime.now(UTC)
        certificate = checked_certificate(answer.certificate, made.pem, authority, config.terminal, now)
        new = Enrolled(
            site=config.site, terminal=config.terminal, grant_key=config.grant_key.to_pem(), authority=authority,
            broker_authority=files.read_file(broker.authority), certificate=certificate, key=made.pem,
            broker=At(broker.host, broker.port), door=at,
        )  # fmt: skip
        files.install(folder, new, request.digest)
        return Done(config.site, config.terminal, valid_until(certificate), agent.public)


def renew_if_due(folder: Path) -> bool:
    """Renew when less than a third of the certificate's life is left; tells whether it did. Raises as :func:`renew`."""
    config = load_config(folder)
    if config.broker is None or config.door is None:
        return False
    if not due(files.read_file(config.broker.certificate), datetime.now(UTC)):
        return False
    renew(folder)
    return True


class Renewal:
    """Renews the certificate in time, beside the agent's loop, which must not wait for a network."""

    def __init__(self, folder: Path, now: float) -> None:
        self._folder, self._due = folder, now + FIRST
        self._ended: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def done(self, now: float) -> bool:
        """Tell, once, that there is a new certificate; looks when it is time (`now` is seconds of a steady clock)."""
        with suppress(queue.Empty):
            renewed = self._ended.get_nowait()
            self._thread = None
            return renewed
        if self._thread is None and now >= self._due:
            self._due = now + EVERY
            self._thread = threading.Thread(target=self._look, name="renewal", daemon=True)
            self._thread.start()
        return False

    def _look(self) -> None:
        renewed = False
        try:
            renewed = renew_if_due(self._folder)
        except PortsealError as error:
            _log.warning("the certificate was not renewed: %s", error)
        except Exception:  # noqa: BLE001 - a mistake here must not end the gate's process, nor go unseen
            _log.exception("the certificate was not renewed")
        self._ended.put(renewed)
