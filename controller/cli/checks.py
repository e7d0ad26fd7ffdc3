"""What doctor looks at on this machine: files, clock, disk, database, ledger, secrets, programs; then the switches."""

from __future__ import annotations

import contextlib
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.cli.base import USAGE
from controller.cli.checked import Check, fault
from controller.context import Context, local_actor
from controller.store.open import utc_now
from policies.errors import PortsealError
from policies.site import Site
from policies.texts import t

#: Bytes of free disk below which a site cannot go on for long, and below which one should look.
_DISK_FAULT, _DISK_WARNING = 64 * 1024 * 1024, 1024 * 1024 * 1024
#: What must be the owner's only; a pattern that fits nothing is no fault here.
_PRIVATE = ("keys", "keys/*.key", "keys/rescue", "keys/rescue/*.key", "secrets.json", "portseal.db", "portseal.db-wal")


def run_checks(folder: Path, names: Sequence[str], *, offline: bool) -> Iterator[Check]:
    """Check the site in `folder`, and the named switches or all; raises NotFound for a switch that is not declared."""
    from controller.cli.checks_broker import broker_checks
    from controller.cli.subjects import switch_of
    from policies.load import SITE_FILE, load_site

    yield from _files(folder)
    try:
        site = load_site(folder)
    except PortsealError as error:
        yield fault("declaration", str(folder / SITE_FILE), error)
        return
    wanted = [switch_of(site, name) for name in names] if names else list(site.switches)
    yield _declaration(site)
    yield from _photos(folder, site)
    yield _disk(folder)
    yield from _secrets(site)
    yield from _programs(site)
    with contextlib.ExitStack() as stack:
        try:
            context = _opened(stack, site)
        except PortsealError as error:
            yield fault("database", str(folder / "portseal.db"), error)
            return
        yield from _database(context)
        yield from _clock(context)
        yield from _ledger(context)
        yield from broker_checks(context)
        yield from _jobs(context, offline=offline)
        if not offline:
            from controller.cli.checks_switch import switch_checks

            yield from switch_checks(context, wanted)


def _photos(folder: Path, site: Site) -> Iterator[Check]:
    """Warn of each declared photo that is not in the site folder; the attestation of a lock rests on it."""
    from policies.terminal import absent_photos

    for key, path in absent_photos(site.terminals, lambda name: (folder / name).is_file()):
        step = t("put the photo into the site folder, or correct its path in site.toml")
        yield Check("photos", key, "warning", t("the photo {path} is not there", path=path), step)


def _opened(stack: contextlib.ExitStack, site: Site) -> Context:
    from controller.ledger.key import open_ledger
    from controller.store.open import open_store

    store = stack.enter_context(open_store(site.folder))
    return Context(site, store, open_ledger(store, site.name), local_actor(), utc_now)


def _files(folder: Path) -> Iterator[Check]:
    try:
        paths = [folder, folder / "site.toml", *(path for pattern in _PRIVATE for path in sorted(folder.glob(pattern)))]
        bad = [check for path in paths if path.exists() and (check := _mode(path)) is not None]
    except OSError as error:
        step = t("check the owner and mode of the site folder")
        what = t("the folder cannot be read ({cause})", cause=error.strerror or "")
        yield Check("files", str(folder), "fault", what, step, USAGE)
        return
    yield from bad
    if not bad and folder.is_dir():
        yield Check("files", str(folder), "ok", t("only the owner can read keys, secrets and database"))


def _mode(path: Path) -> Check | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    step = t("run: chmod {mode} {path}", mode="700" if path.is_dir() else "600", path=path)
    shown = f"{mode:04o}"
    if mode & 0o022:
        what = t("other users may change it (mode {mode})", mode=shown)
        return Check("files", str(path), "fault", what, step, USAGE)
    if path.name == "site.toml" or not mode & 0o077:
        return None
    what = t("other users may read it (mode {mode})", mode=shown)
    secret = path.parent.name == "keys" or path.name == "secrets.json"
    return Check("files", str(path), "fault" if secret else "warning", what, step, USAGE)


def _declaration(site: Site) -> Check:
    if not site.switches:
        step = t("declare the switches in site.toml")
        return Check("declaration", site.name, "warning", t("the site declares no switch"), step)
    ports = sum(len(switch.ports) for switch in site.switches)
    what = t("{switches} switches, {ports} ports, {vlans} VLANs", switches=len(site.switches), ports=ports,
             vlans=len(site.vlans))  # fmt: skip
    if site.vlan("face") is None:
        return Check("declaration", site.name, "warning", t("{what}; no VLAN of purpose face", what=what),
                     t("declare it under [vlans] in site.toml"))  # fmt: skip
    return Check("declaration", site.name, "ok", what)


def _disk(folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", str(folder), "fault", t("the disk cannot be asked ({cause})", cause=error.strerror or ""))
    what = t("{count} MB free", count=free // 1_000_000)
    step = t("free space, or move the site folder to a larger disk")
    if free < _DISK_FAULT:
        return Check("disk", str(folder), "fault", what, step)
    return Check("disk", str(folder), "warning", what, step) if free < _DISK_WARNING else Check(
        "disk", str(folder), "ok", what)  # fmt: skip


def _secrets(site: Site) -> Iterator[Check]:
    from controller.cli.secret import references
    from controller.secrets.resolve import resolve

    count = 0
    for key, reference in references(site):
        try:
            resolve(reference, site.folder, where=key)
        except PortsealError as error:
            yield fault("secrets", key, error)
        else:
            count += 1
    if count:
        yield Check("secrets", "site.toml", "ok", t("{count} references resolve", count=count))


def _programs(site: Site) -> Iterator[Check]:
    from importlib.util import find_spec

    modules = ["netmiko", "openpyxl", "rich", "cryptography"]
    if any(switch.snmp is not None for switch in site.switches):
        modules += ["pysnmp", "gufo"]
    missing = [name for name in modules if find_spec(name) is None]
    local = [switch for switch in site.switches if switch.host == "local"]
    programs = ["bash", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"] if local else []
    absent = [name for name in programs if shutil.which(name) is None]
    for name in missing:
        step = t("install it: pip install 'portseal[controller]'")
        yield Check("programs", name, "fault", t("the Python package is missing"), step, USAGE)
    for name in absent:
        step = t("install it (Debian: apt install openvswitch-switch)")
        yield Check("programs", name, "fault", t("the program is missing"), step, USAGE)
    if not missing and not absent:
        yield Check("programs", "Portseal", "ok", t("nothing is missing that this site needs"))


def _database(context: Context) -> Iterator[Check]:
    subject = str(context.store.path)
    try:
        found = [str(row[0]) for row in context.store.rows("PRAGMA quick_check(3)")]
    except PortsealError as error:
        yield fault("database", subject, error)
        return
    if found != ["ok"]:
        what = t("the database is damaged: {detail}", detail=found[0].splitlines()[0][:120])
        yield Check("database", subject, "fault", what, t("restore it with 'portseal restore'"))
        return
    yield Check("database", subject, "ok", t("the database is whole"))


def _clock(context: Context) -> Iterator[Check]:
    from controller.ledger.query import entries

    current = context.clock()
    last = next(entries(context.store, newest_first=True, limit=1), None)
    step = t("set the clock, and let NTP or chrony keep it")
    if last is not None and current < last.at:
        what = t("the clock is behind the last ledger entry ({at})", at=last.at.isoformat(timespec="seconds"))
        yield Check("clock", "UTC", "fault", what, step)
        return
    shown = current.isoformat(timespec="seconds")
    if Path("/run/systemd/timesync").is_dir() and not Path("/run/systemd/timesync/synchronized").exists():
        yield Check("clock", "UTC", "warning", t("{now}; systemd-timesyncd has not set it since boot", now=shown), step)
        return
    yield Check("clock", "UTC", "ok", t("{now}, after the last ledger entry", now=shown))


def _ledger(context: Context) -> Iterator[Check]:
    """Check the last checkpoint against the stored hashes, and the count; the whole is for `audit verify`."""
    from controller.ledger import query
    from controller.ledger.key import ledger_public_key
    from policies.errors import LedgerBroken
    from policies.notes import NamedKey, key_name, open_checkpoint

    subject = context.site.name
    step = t("run 'portseal audit verify'")
    try:
        size, last = query.size(context.store), query.latest_checkpoint(context.store)
        count = context.store.row("SELECT count(*) FROM ledger")
        if last is None:
            text = t("{count} entries, no checkpoint yet", count=size)
            hint = t("run 'portseal audit checkpoint'") if size else None
            yield Check("ledger", subject, "warning" if size else "ok", text, hint)
            return
        named = NamedKey(key_name(context.ledger.origin), ledger_public_key(context.site.folder))
        signed = open_checkpoint(last.note, named)
        whole = count is not None and count[0] == size >= signed.size
        if not whole or query.root(context.store, signed.size) != signed.root:
            raise LedgerBroken(t("the entries are not those that the last checkpoint was signed over"), next_step=step)
    except PortsealError as error:
        yield Check("ledger", subject, "fault", error.what, error.next_step or step)
        return
    what = t("{count} entries, the last checkpoint fits; the whole: portseal audit verify", count=size)
    yield Check("ledger", subject, "ok", what)


def _jobs(context: Context, *, offline: bool) -> Iterator[Check]:
    from controller.cli.session import STATES
    from controller.network.recover import recover
    from controller.store.jobs import unfinished
    from drivers.flow import State

    try:
        waiting = unfinished(context.store)
        if offline:
            step = t("run 'portseal doctor' without --offline: it finishes them or rolls them back")
            for job in waiting:
                yield Check("jobs", job.switch, "warning", t("an apply was interrupted (job {job})", job=job.id), step)
            results = []
        else:
            results = recover(context)
    except PortsealError as error:
        yield fault("jobs", context.site.name, error)
        return
    for result in results:
        what = t("an apply was interrupted (job {job}): {state}", job=result.job, state=STATES[result.state])
        if result.state is State.UNKNOWN:
            cause = None if result.error is None else result.error.what
            hint = None if result.error is None else result.error.next_step
            told = what if cause is None else t("{what}: {cause}", what=what, cause=cause)
            yield Check("jobs", result.switch, "fault", told, hint)
        else:
            yield Check(
                "jobs",
                result.switch,
                "warning",
                what,
                t("look at it with 'portseal check {switch}'", switch=result.switch),
            )
    if not waiting:
        yield Check("jobs", context.site.name, "ok", t("no apply was interrupted"))
