"""A new certificate in place of the present one, before its end: asked for over TLS with the present one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.config import load_config
from agent.enrol import files
from agent.enrol.door import post
from agent.enrol.files import Enrolled
from agent.enrol.keys import checked_certificate, due, make_key, valid_until
from agent.enrol.run import Done
from agent.link.identity import agent_key
from policies.errors import ConfigError, InputError
from policies.messages.bundle import At
from policies.messages.enrolment import make_renewal, read_answer
from policies.texts import t


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
