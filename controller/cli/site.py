"""init and doctor: making a site folder, and telling what is wrong with one."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli.base import Settings, Speaking, h, settings
from policies.errors import ConfigError, InputError, StorageFailed, UsageError
from policies.texts import t

if TYPE_CHECKING:
    from controller.cli.checked import Check

_NAME_LINE = re.compile(r'^name = "my-site"$', re.MULTILINE)
_LANGUAGE_LINE = re.compile(r'^#language = "zh"$', re.MULTILINE)


@click.command(cls=Speaking, help=h("Make a site folder: site.toml with every option explained, keys, database."))
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", metavar="NAME", help=h("The site's name in reports and evidence. Default: the folder's."))
@click.pass_context
def init(context: click.Context, folder: Path, name: str | None) -> int:
    """See the help text."""
    from controller.context import open_context
    from controller.ledger.key import ledger_public_key

    chosen = settings(context)
    text, called = _declaration(folder, name, chosen.language)
    made = _folder(folder)
    try:
        _write(folder, text)
        with open_context(folder) as site:
            fingerprint = ledger_public_key(folder).fingerprint
            site.ledger.append("site.init", site.site.name, {"fingerprint": fingerprint}, site.actor)
            site.ledger.checkpoint()
    except BaseException:
        _undo(folder, made)
        raise
    if chosen.json:
        chosen.give({"folder": str(folder.absolute()), "name": called, "fingerprint": fingerprint})
    for sentence in (
        t("Site '{name}' is made in {folder}", name=called, folder=folder),
        t("Ledger key fingerprint: {fingerprint}", fingerprint=fingerprint),
        t("  hand it to the auditor at the acceptance: evidence is verified against it"),
        t("Next: declare VLANs and switches in {file}", file=folder / "site.toml"),
        t("  portseal --site {folder} secret set NAME", folder=folder),
        t("  portseal --site {folder} doctor", folder=folder),
        t("  portseal --site {folder} inventory import FILE", folder=folder),
    ):
        chosen.say(sentence)
    return 0


@click.command(
    cls=Speaking,
    help=h("Check the site folder, this machine and every switch; say what to do next. Recovers interrupted applies."),
)
@click.argument("switches", nargs=-1, metavar="[SWITCH]...")
@click.option("--offline", is_flag=True, help=h("Ask no switch anything."))
@click.pass_context
def doctor(context: click.Context, switches: tuple[str, ...], offline: bool) -> int:
    """See the help text."""
    from controller.cli.checks import run_checks

    chosen = settings(context)
    checks = []
    for check in run_checks(chosen.site, switches, offline=offline):
        checks.append(check)
        _tell(chosen, check)
    code = max((check.exit_code for check in checks), key=_weight, default=0)
    if chosen.json:
        chosen.give({"exit_code": code, "checks": [_check_json(chosen, check) for check in checks]})
    faults = sum(check.level == "fault" for check in checks)
    warnings = sum(check.level == "warning" for check in checks)
    chosen.say(
        t("{checks} checks: {faults} faults, {warnings} warnings", checks=len(checks), faults=faults, warnings=warnings)
    )
    return code


def _weight(code: int) -> int:
    """Rank exit codes: a configuration fault comes first, because it may be the cause of the others."""
    return (0, 3, 2).index(code)


def _tell(chosen: Settings, check: Check) -> None:
    from controller.cli.checked import LEVELS

    values: dict[str, object] = {"level": LEVELS[check.level], "subject": check.subject, "text": check.text}
    if check.next_step is None:
        chosen.say(t("{level}: {subject}: {text}", **values))
    else:
        chosen.say(t("{level}: {subject}: {text} Next: {next_step}", **values, next_step=check.next_step))


def _check_json(chosen: Settings, check: Check) -> dict[str, object]:
    return {
        "check": check.check,
        "subject": check.subject,
        "level": check.level,
        "text": chosen.text(check.text),
        "next_step": None if check.next_step is None else chosen.text(check.next_step),
    }


def _declaration(folder: Path, name: str | None, language: str) -> tuple[str, str]:
    """Give the text of site.toml and the site's name; raises InputError for a name that no site can have."""
    from policies.layout import layout
    from policies.load import sample_site_toml
    from policies.toml import Place, read_section

    text = sample_site_toml(language)
    if language == "en":
        text = _LANGUAGE_LINE.sub('language = "en"', text)
    for candidate in (folder.absolute().name, "my-site") if name is None else (name,):
        line = "name = " + json.dumps(candidate, ensure_ascii=False)
        filled = line.join(_NAME_LINE.split(text))
        try:
            read_section(layout(), tomllib.loads(filled), Place("site.toml"))
        except (ConfigError, tomllib.TOMLDecodeError) as error:
            if name is not None:
                what = error.what if isinstance(error, ConfigError) else t("this cannot be the name of a site")
                raise InputError(what, where="--name", next_step=t("use 1 to 64 letters, digits and hyphens")) from None
            continue
        return filled, candidate
    raise AssertionError("the sample's own name is a name")


def _folder(folder: Path) -> bool:
    """Make the folder, or take an empty or private one; tells whether it was made."""
    from policies.load import SITE_FILE

    where = str(folder)
    for name in (SITE_FILE, "portseal.db", "keys"):
        if (folder / name).exists():
            raise UsageError(
                t("this is a site already ({file} is there)", file=name),
                where=where,
                next_step=t("name another folder; 'portseal doctor' checks this one"),
            )
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            return True
        if not folder.is_dir():
            raise UsageError(t("it is not a folder"), where=where, next_step=t("name a folder that is empty or new"))
        private = not folder.stat().st_mode & 0o077
        # Taking rights away from a folder that others use (/tmp, /srv) would break more than it protects.
        if not private and any(folder.iterdir()):
            raise UsageError(
                t("the folder is not empty, and other users may enter it"),
                where=where,
                next_step=t("name a new folder, or run: chmod 700 {folder}", folder=folder),
            )
        folder.chmod(0o700)
    except OSError as error:
        raise _unwritable(where, error) from None
    return False


def _write(folder: Path, text: str) -> None:
    from controller.secrets.files import write_private

    try:
        (folder / "keys").mkdir(mode=0o700)
    except OSError as error:
        raise _unwritable(str(folder / "keys"), error) from None
    write_private(folder / "site.toml", text.encode())


def _unwritable(where: str, error: OSError) -> StorageFailed:
    return StorageFailed(
        t("the folder cannot be made ({cause})", cause=error.strerror or ""),
        where=where,
        next_step=t("check free space and the owner and mode of the folder above it"),
    )


def _undo(folder: Path, made: bool) -> None:
    """Take away what a failed init left: a half-made site would be taken for one."""
    import contextlib
    import shutil

    with contextlib.suppress(OSError):
        shutil.rmtree(folder / "keys", ignore_errors=True)
        for name in ("site.toml", "portseal.db", "portseal.db-wal", "portseal.db-shm"):
            (folder / name).unlink(missing_ok=True)
        if made:
            folder.rmdir()
