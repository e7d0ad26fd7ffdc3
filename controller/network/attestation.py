"""That a person vouches for a terminal's lock (7.2b, L2): site.toml says so, and the ledger has the evidence for it.

The entry holds who (a staff number, never a name), the report's number, and the SHA-256 of the report and of the photo,
so that an auditor can compare the papers that they are shown. It counts as long as site.toml says the same and the
photo is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from controller.context import Context
from controller.ledger.query import Filter, entries
from controller.store.open import Store
from policies.errors import InputError, SafetyRefusal, StorageFailed
from policies.site import Site
from policies.terminal import LockLevel, Terminal
from policies.texts import t

KIND = "terminal.attest"
#: Bytes of the largest report or photo.
_MOST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attestation:
    """An attestation in the ledger: entry number, when, by whom, the digests, and whether it fits site.toml now."""

    entry: int
    at: datetime
    by: str
    report_sha256: str
    photo_sha256: str
    current: bool


def attest(context: Context, terminal: Terminal, by: str, number: str, report: Path) -> Attestation:
    """Record that `by` vouches for the terminal's lock with the report `number`, in the file `report`.

    Raises SafetyRefusal when site.toml claims no such lock or another report, or the attestation has expired there;
    InputError for a report or photo that cannot be read.
    """
    lock = terminal.lock
    where = f"site.toml: terminals.{terminal.name}.lock"
    if lock.level is LockLevel.NONE or not lock.vouched:
        raise SafetyRefusal(
            t("site.toml declares no lock that a person vouches for"),
            where=where,
            next_step=t('write level = "attested", with model, id, attested_by, report and expires'),
        )
    if lock.report != number:
        raise SafetyRefusal(
            t("site.toml names another report: {report}", report=lock.report),
            where=where,
            next_step=t("correct one of the two"),
        )
    if lock.expires is not None and context.clock().date() > lock.expires:
        raise SafetyRefusal(
            t("the attestation has expired on {day}", day=lock.expires),
            where=where,
            next_step=t("look at the lock again, and write the new report and its last day into site.toml"),
        )
    if not terminal.photo:
        raise SafetyRefusal(
            t("site.toml names no photo of its USB ports"),
            where=f"site.toml: terminals.{terminal.name}.photo",
            next_step=t("put the photo into the site folder and write its path there"),
        )
    told = _claims(terminal) | {
        "by": by, "report_sha256": _digest(report), "photo_sha256": _digest(context.site.folder / terminal.photo),
    }  # fmt: skip
    made = context.ledger.append(KIND, terminal.name, told, context.actor)
    return Attestation(made.seq, made.at, by, told["report_sha256"], told["photo_sha256"], current=True)


def attestation(store: Store, site: Site, terminal: Terminal) -> Attestation | None:
    """Give the last attestation of a terminal's lock in the ledger; None when there is none."""
    wanted = Filter(kind=KIND, subject=terminal.name)
    for found in entries(store, wanted, newest_first=True, limit=1):
        data = found.data
        claims = _claims(terminal)
        try:
            photo = _digest(site.folder / terminal.photo) if terminal.photo else ""
        except (InputError, StorageFailed):
            photo = ""
        same = all(data.get(name) == value for name, value in claims.items()) and data.get("photo_sha256") == photo
        by, report, pictured = (str(data.get(name, "")) for name in ("by", "report_sha256", "photo_sha256"))
        return Attestation(found.seq, found.at, by, report, pictured, same)
    return None


def _claims(terminal: Terminal) -> dict[str, str]:
    """Give what site.toml claims of the lock; who vouches is a name there, and stays out."""
    lock = terminal.lock
    return {
        "level": lock.level.value,
        "model": lock.model,
        "lock": lock.id,
        "report": lock.report,
        "expires": "" if lock.expires is None else lock.expires.isoformat(),
        "photo": terminal.photo,
    }


def _digest(path: Path) -> str:
    made = sha256()
    try:
        with path.open("rb") as file:
            size = 0
            while part := file.read(1 << 20):
                size += len(part)
                if size > _MOST:
                    raise InputError(t("the file is too large"), where=str(path), next_step=t("name a smaller one"))
                made.update(part)
    except OSError as error:
        raise InputError(
            t("the file {path} cannot be read ({cause})", path=path.name, cause=error.strerror or ""),
            where=str(path),
            next_step=t("name the file that holds it"),
        ) from None
    if not size:
        raise InputError(t("the file is empty"), where=str(path), next_step=t("name the file that holds it"))
    return made.hexdigest()
