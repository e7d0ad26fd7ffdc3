"""`portseal-agent enroll`: become a terminal of a site, over the network or by files, and renew the certificate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.base import DONE, Spot
from policies.errors import ConfigError, StorageFailed, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from agent.enrol.run import Done

#: Bytes of the largest bundle or answer that is read.
_MOST = 1 << 17


def verbs(spot: Spot) -> list[click.Command]:
    """Make the verb."""

    def enroll(bundle: str | None, request: str | None, answer: str | None, renew: bool, as_json: bool) -> int:
        if [bundle is not None, answer is not None, renew].count(True) != 1 or (request and bundle is None):
            raise UsageError(
                t("name a bundle, or one of --answer and --renew; --request goes with a bundle"),
                next_step=t("see 'portseal-agent enroll --help'"),
            )
        if renew:
            from agent.enrol.renew import renew as renewed

            return _told(spot, renewed(spot.folder), as_json=as_json)
        if answer is not None:
            from agent.enrol.run import finish

            return _told(spot, finish(spot.folder, _content(answer), answer), as_json=as_json)
        assert bundle is not None
        if request is not None:
            return _asked(spot, bundle, request, as_json=as_json)
        from agent.enrol.run import enrol_online

        data = _content(bundle)
        _compare(spot, data, bundle)
        return _told(spot, enrol_online(spot.folder, data, bundle), as_json=as_json)

    about = t(
        "Make this machine a terminal of the site, with the file BUNDLE that 'portseal terminal enroll' has made, as"
        " root. Its keys are made here and stay here. Over the network, or by files: --request, then --answer."
    )
    params: list[click.Parameter] = [
        click.Argument(["bundle"], required=False),
        spot.option("--request", about=t("Write the request into FILE, to be answered by 'portseal terminal answer'."),
                    metavar="FILE"),
        spot.option("--answer", about=t("Finish with the answer in FILE."), metavar="FILE"),
        spot.option("--renew", about=t("Get a new certificate in place of the present one."), is_flag=True),
        spot.json_option(),
    ]  # fmt: skip
    return [spot.verb("enroll", t("Become a terminal of a site."), about, enroll, params)]


def _asked(spot: Spot, bundle: str, request: str, *, as_json: bool) -> int:
    """Write the request into a file."""
    from agent.enrol.run import ask
    from agent.usb.bindings import replace_file

    data = _content(bundle)
    _compare(spot, data, bundle)
    pending = ask(spot.folder, data, bundle)
    if Path(request).is_dir():
        raise UsageError(t("it is a folder"), where=request, next_step=t("name a file"))
    replace_file(Path(request), pending.request.raw + b"\n")
    if as_json:
        spot.give({"terminal": pending.bundle.terminal, "request": request, "digest": pending.request.digest})
        return DONE
    spot.say(t("The request is in {file}. At the controller: portseal terminal answer {file} --out ANSWER",
               file=request))  # fmt: skip
    spot.say(t("Then here: portseal-agent enroll --answer ANSWER"))
    return DONE


def _compare(spot: Spot, data: bytes, where: str) -> None:
    """Show what tells the bundle, for a person to compare with what the controller has shown."""
    from policies.messages.bundle import read_bundle

    bundle = read_bundle(data, where)
    words = t("Bundle of {terminal} at {site}: {fingerprint}", terminal=bundle.terminal, site=bundle.site,
              fingerprint=bundle.fingerprint)  # fmt: skip
    click.echo(spot.words(words), err=True)


def _told(spot: Spot, done: Done, *, as_json: bool) -> int:
    if as_json:
        spot.give({
            "site": done.site, "terminal": done.terminal, "expires": done.expires.isoformat(),
            "fingerprint": done.key.fingerprint,
        })  # fmt: skip
        return DONE
    spot.say(t("This machine is the terminal {terminal} of {site}; its certificate is good until {day}.",
               terminal=done.terminal, site=done.site, day=done.expires.date()))  # fmt: skip
    spot.say(t("The key of its events: {fingerprint}", fingerprint=done.key.fingerprint))
    spot.say(t("Next: systemctl restart portseal-agent"))
    return DONE


def _content(name: str) -> bytes:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            return file.read(_MOST)
    except IsADirectoryError:
        raise UsageError(t("it is a folder"), where=name, next_step=t("name a file")) from None
    except FileNotFoundError:
        raise ConfigError(t("the file does not exist"), where=name, next_step=t("name a file")) from None
    except OSError as error:
        raise StorageFailed(
            t("the file {path} cannot be read ({cause})", path=name, cause=error.strerror or ""),
            next_step=t("run it as root, for example with sudo"),
        ) from None
