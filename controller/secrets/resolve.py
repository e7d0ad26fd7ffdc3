"""What a reference in site.toml stands for: `env:NAME`, `file:PATH` or `secret:NAME`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from controller.secrets.box import get_secret
from controller.secrets.files import read_private
from controller.secrets.value import Secret
from policies.errors import ConfigError, NotFound
from policies.texts import t

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def resolve(
    reference: str, site_folder: Path, *, where: str = "", environment: Mapping[str, str] | None = None
) -> Secret:
    """Give the secret that `reference` names; `where` is the dotted key that holds it, for the error message.

    A path is taken from the site folder, and the file must not be readable by group or others; one newline at its end
    is dropped. Raises ConfigError, which never repeats a text that is not a reference: it may be the secret itself.
    """
    scheme, colon, rest = reference.partition(":")
    if scheme == "env" and colon and _VARIABLE.fullmatch(rest):
        return _from_environment(rest, os.environ if environment is None else environment, where)
    if scheme == "file" and colon and rest and "\x00" not in rest:
        return _from_file(site_folder / rest, where)
    if scheme == "secret" and colon:
        try:
            return get_secret(site_folder, rest)
        except NotFound as error:
            raise ConfigError(error.what, where=where, next_step=error.next_step) from None
    raise ConfigError(
        t("a secret is given by reference, never in clear"),
        where=where,
        next_step=t("write env:NAME, file:PATH or secret:NAME"),
    )


def _from_environment(name: str, environment: Mapping[str, str], where: str) -> Secret:
    value = environment.get(name, "")
    if not value:
        raise ConfigError(
            t("the environment variable {name} is not set", name=name),
            where=where,
            next_step=t("set it for the process that runs Portseal, or use secret:NAME"),
        )
    return Secret(value)


def _from_file(path: Path, where: str) -> Secret:
    content = read_private(path, where)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\x00" in text:
        raise ConfigError(
            t("the file {path} holds no secret text", path=path),
            where=where,
            next_step=t("write the secret into it as one line"),
        )
    return Secret(text)
