"""The schema of portseal.db, and the only place that changes it: one function per step, never edited after a release.

Imported only when a database is not up to date (sqlite-utils is slow to load). A step that is added here also raises
:data:`controller.store.open.VERSION`.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("portseal")

_INVENTORY = (
    """CREATE TABLE device (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, mac TEXT NOT NULL UNIQUE, ip TEXT UNIQUE,
        place TEXT NOT NULL, serial TEXT NOT NULL, vendor TEXT NOT NULL, model TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE binding (
        device TEXT PRIMARY KEY REFERENCES device(name) ON DELETE CASCADE ON UPDATE CASCADE,
        switch TEXT NOT NULL, port TEXT NOT NULL, vlan INTEGER NOT NULL CHECK (vlan BETWEEN 1 AND 4094)
    ) STRICT""",
    "CREATE INDEX binding_port ON binding (switch, port)",
)

_WORK = (
    """CREATE TABLE plan (
        id TEXT PRIMARY KEY, created TEXT NOT NULL, actor TEXT NOT NULL, changes TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('saved', 'applied', 'failed', 'refused'))
    ) STRICT""",
    "CREATE INDEX plan_created ON plan (created)",
    """CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT REFERENCES plan(id), switch TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'rolled_back', 'unknown')),
        actor TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, process TEXT NOT NULL,
        before TEXT NOT NULL, intended TEXT NOT NULL, reason TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE INDEX job_running ON job (switch) WHERE state = 'running'",
    """CREATE TABLE job_step (
        job INTEGER NOT NULL REFERENCES job(id), seq INTEGER NOT NULL, name TEXT NOT NULL,
        phase TEXT NOT NULL CHECK (phase IN ('begin', 'end', 'failed')), at TEXT NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (job, seq)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE lease (
        switch TEXT PRIMARY KEY, owner TEXT NOT NULL, token TEXT NOT NULL, process TEXT NOT NULL,
        acquired TEXT NOT NULL, expires TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE block (
        switch TEXT NOT NULL, port TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (switch, port)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE observation (switch TEXT PRIMARY KEY, read_at TEXT NOT NULL, observed TEXT NOT NULL) STRICT",
)

_LEDGER = (
    """CREATE TABLE ledger (
        seq INTEGER PRIMARY KEY CHECK (seq > 0), at TEXT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
        subject TEXT NOT NULL, bytes BLOB NOT NULL, leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    ) STRICT""",
    "CREATE INDEX ledger_kind ON ledger (kind, seq)",
    "CREATE INDEX ledger_subject ON ledger (subject, seq)",
    "CREATE INDEX ledger_at ON ledger (at)",
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_gapless BEFORE INSERT ON ledger
        WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM ledger)
        BEGIN SELECT RAISE(ABORT, 'the ledger has no gaps'); END""",
    """CREATE TABLE checkpoint (
        size INTEGER PRIMARY KEY, at TEXT NOT NULL, note TEXT NOT NULL, frontier BLOB NOT NULL,
        kept INTEGER NOT NULL CHECK (kept IN (0, 1))
    ) STRICT""",
    """CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint
        WHEN NOT (NEW.size = OLD.size AND NEW.at = OLD.at AND NEW.note = OLD.note
                  AND NEW.frontier = OLD.frontier AND NEW.kept >= OLD.kept)
        BEGIN SELECT RAISE(ABORT, 'a checkpoint is final'); END""",
    """CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint
        WHEN OLD.kept = 1 OR NOT EXISTS (SELECT 1 FROM checkpoint WHERE size > OLD.size)
        BEGIN SELECT RAISE(ABORT, 'a checkpoint is final'); END""",
    "CREATE TABLE open_act (intent INTEGER PRIMARY KEY, process TEXT NOT NULL) STRICT",
)

_TERMINALS = (
    """CREATE TABLE terminal_key (
        terminal TEXT PRIMARY KEY, key BLOB NOT NULL CHECK (length(key) = 32), trusted_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE terminal_census (
        terminal TEXT PRIMARY KEY REFERENCES terminal_key(terminal), taken_at TEXT NOT NULL, received_at TEXT NOT NULL,
        document BLOB NOT NULL
    ) STRICT""",
)

_CARDS = (
    """CREATE TABLE card_list (
        version INTEGER PRIMARY KEY CHECK (version > 0), imported_at TEXT NOT NULL, actor TEXT NOT NULL,
        source TEXT NOT NULL CHECK (source IN ('file', 'sync', 'topic')), file_mac TEXT NOT NULL,
        content TEXT NOT NULL, cards INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE card (
        card TEXT PRIMARY KEY, bearer TEXT NOT NULL, status TEXT NOT NULL, rights TEXT NOT NULL, limits TEXT NOT NULL,
        valid_from TEXT, valid_until TEXT
    ) STRICT, WITHOUT ROWID""",
    # Personal data, which can be erased; everything else knows pseudonyms only.
    """CREATE TABLE card_identity (
        card TEXT PRIMARY KEY, lookup TEXT NOT NULL UNIQUE, commitment TEXT NOT NULL, salt TEXT NOT NULL,
        name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE card_bearer (lookup TEXT PRIMARY KEY, bearer TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # Keyed hashes of what names a swipe: a second one is a repetition or a replay. Forgotten after `until`.
    "CREATE TABLE swipe_seen (key TEXT PRIMARY KEY, until TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX swipe_seen_until ON swipe_seen (until)",
    """CREATE TABLE card_grant (
        jti TEXT PRIMARY KEY, terminal TEXT NOT NULL, cards TEXT NOT NULL, reader TEXT NOT NULL, purpose TEXT NOT NULL,
        ctr INTEGER NOT NULL, signed_at TEXT NOT NULL, expires TEXT NOT NULL, extends TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL CHECK (state IN ('signed', 'open', 'refused', 'ended', 'lapsed')),
        state_at TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', entry INTEGER NOT NULL,
        ending TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX card_grant_live ON card_grant (terminal) WHERE state IN ('signed', 'open')",
)

_CARDS_HERE = (
    # The site's own word, which holds against a list that still has the card in force.
    """CREATE TABLE card_revocation (
        card TEXT PRIMARY KEY, revoked_at TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    # Rises with everything that changes what cards open, so that who holds the list in memory sees it at a glance.
    "CREATE TABLE card_changes (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER NOT NULL) STRICT",
    "INSERT INTO card_changes (one, count) VALUES (1, 0)",
    # What the last look at the access-control system's own export found.
    """CREATE TABLE card_source (
        one INTEGER PRIMARY KEY CHECK (one = 1), looked_at TEXT NOT NULL, state TEXT NOT NULL, file_mac TEXT NOT NULL,
        version INTEGER NOT NULL, written_at TEXT, since TEXT NOT NULL, problem TEXT
    ) STRICT""",
)

_TERMINAL_EVENTS = (
    # Of each event its digest and its entry in the ledger: the same number with other bytes is a fork.
    """CREATE TABLE terminal_event (
        terminal TEXT NOT NULL, seq INTEGER NOT NULL, digest TEXT NOT NULL, entry INTEGER NOT NULL,
        PRIMARY KEY (terminal, seq)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE terminal_head (
        terminal TEXT PRIMARY KEY, seq INTEGER NOT NULL, event BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE terminal_counter (terminal TEXT PRIMARY KEY, ctr INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE terminal_status (
        terminal TEXT PRIMARY KEY, status BLOB NOT NULL, heard_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

_BROKER = (
    """CREATE TABLE certificate (
        serial TEXT PRIMARY KEY, identity TEXT NOT NULL, issued_at TEXT NOT NULL, expires TEXT NOT NULL,
        revoked_at TEXT, why TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX certificate_identity ON certificate (identity)",
    # Of the one-time token only the public key that is derived from it: who reads the database cannot enrol. What was
    # asked and answered stays, so that a terminal that did not get the answer can ask the same once more.
    """CREATE TABLE enrolment (
        terminal TEXT PRIMARY KEY, token_key BLOB NOT NULL CHECK (length(token_key) = 32), made_at TEXT NOT NULL,
        bundle TEXT NOT NULL, expires TEXT NOT NULL, used_at TEXT, request TEXT NOT NULL DEFAULT '',
        answer TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
)

_TRAPS = (
    # What switches' notifications told: one row for each port, kind and cause while they keep coming, with a count.
    """CREATE TABLE trap (
        id INTEGER PRIMARY KEY AUTOINCREMENT, switch TEXT NOT NULL, port TEXT NOT NULL, kind TEXT NOT NULL,
        cause TEXT NOT NULL, name TEXT NOT NULL, proof TEXT NOT NULL, sender TEXT NOT NULL,
        first_at TEXT NOT NULL, last_at TEXT NOT NULL, count INTEGER NOT NULL CHECK (count > 0),
        macs TEXT NOT NULL, more_macs INTEGER NOT NULL DEFAULT 0, vlan INTEGER, said TEXT NOT NULL,
        open INTEGER NOT NULL CHECK (open IN (0, 1)), entry INTEGER NOT NULL DEFAULT 0,
        recorded INTEGER NOT NULL DEFAULT 0,
        reading TEXT NOT NULL CHECK (reading IN ('none', 'waiting', 'confirmed', 'unconfirmed', 'read', 'failed')),
        read_at TEXT, found TEXT NOT NULL DEFAULT ''
    ) STRICT""",
    "CREATE UNIQUE INDEX trap_open ON trap (switch, port, kind, cause) WHERE open = 1",
    "CREATE INDEX trap_last ON trap (last_at)",
    """CREATE TABLE trap_refused (
        sender TEXT NOT NULL, reason TEXT NOT NULL, switch TEXT NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL,
        count INTEGER NOT NULL, recorded_at TEXT, PRIMARY KEY (sender, reason)
    ) STRICT, WITHOUT ROWID""",
    # Our own SNMP engine, and the clocks of the switches' (RFC 3414): what was sent before is not believed again.
    """CREATE TABLE trap_engine (
        one INTEGER PRIMARY KEY CHECK (one = 1), identity BLOB NOT NULL, boots INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE trap_peer (
        engine BLOB PRIMARY KEY, boots INTEGER NOT NULL, latest INTEGER NOT NULL, heard_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)


_SWAPS = (
    """CREATE TABLE swap_permit (
        device TEXT PRIMARY KEY, mac TEXT NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL, made_at TEXT NOT NULL,
        expires TEXT NOT NULL, tries INTEGER NOT NULL, salt BLOB NOT NULL, digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE retired_mac (mac TEXT PRIMARY KEY, device TEXT NOT NULL, at TEXT NOT NULL) STRICT, WITHOUT ROWID",
)

#: A swap that a card may do instead of a code.
_SWAP_CARDS = ("ALTER TABLE swap_permit ADD COLUMN card TEXT NOT NULL DEFAULT ''",)

_OFFLINE = (
    # A terminal's key that was taken away with its certificates: a lost terminal still has it.
    """CREATE TABLE terminal_key_revoked (
        terminal TEXT NOT NULL, key BLOB NOT NULL, revoked_at TEXT NOT NULL, PRIMARY KEY (terminal, key)
    ) STRICT, WITHOUT ROWID""",
    # What stands for a card at a terminal that may open without a connection; sealed by the site's key for cards.
    """CREATE TABLE offline_tag (
        card TEXT NOT NULL, terminal TEXT NOT NULL, sealed BLOB NOT NULL CHECK (length(sealed) = 32),
        PRIMARY KEY (card, terminal)
    ) STRICT, WITHOUT ROWID""",
    # What was signed in advance, so that an opening that is told days later finds the decision that it rests on.
    """CREATE TABLE offline_permit (
        jti TEXT PRIMARY KEY, terminal TEXT NOT NULL, card TEXT NOT NULL, purpose TEXT NOT NULL,
        signed_at TEXT NOT NULL, expires TEXT NOT NULL, entry INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX offline_permit_expires ON offline_permit (terminal, expires)",
    "CREATE INDEX card_grant_terminal ON card_grant (terminal, signed_at)",
)

_LISTS_AND_LOCKS = (
    # The highest version of a list that the access-control system has published, and which list that was.
    """CREATE TABLE card_published (
        one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, file_mac TEXT NOT NULL, at TEXT NOT NULL
    ) STRICT""",
    # What each anti-plug lock said last, byte for byte, since when it says the same of its state, and what is wrong.
    """CREATE TABLE lock_state (
        terminal TEXT NOT NULL, lock TEXT NOT NULL, report BLOB NOT NULL, heard_at TEXT NOT NULL, since TEXT NOT NULL,
        wrong TEXT NOT NULL DEFAULT '', PRIMARY KEY (terminal, lock)
    ) STRICT, WITHOUT ROWID""",
)

_WATCH = (
    # How a device behaves on the wire: the first value of each trait is taken as its own until a person says otherwise.
    """CREATE TABLE fingerprint (
        mac TEXT NOT NULL, trait TEXT NOT NULL, value TEXT NOT NULL, first_at TEXT NOT NULL, PRIMARY KEY (mac, trait)
    ) STRICT, WITHOUT ROWID""",
)


@migrations()
def first(db: Database) -> None:
    """Make every table of the first release."""
    for statement in (*_INVENTORY, *_WORK, *_LEDGER):
        db.execute(statement)


@migrations()
def terminal_evidence(db: Database) -> None:
    """Add the last signed census of each terminal, and the key that it must be signed by."""
    for statement in _TERMINALS:
        db.execute(statement)


@migrations()
def cards_and_broker(db: Database) -> None:
    """Add cards, grants, what terminals have told, and who may speak on the broker."""
    for statement in (*_CARDS, *_CARDS_HERE, *_TERMINAL_EVENTS, *_BROKER):
        db.execute(statement)


@migrations()
def swaps(db: Database) -> None:
    """Add one-time codes for swaps, and the MACs that were replaced."""
    for statement in _SWAPS:
        db.execute(statement)


@migrations()
def notifications(db: Database) -> None:
    """Add what switches' notifications told, and who was not believed."""
    for statement in _TRAPS:
        db.execute(statement)


@migrations()
def offline_grants(db: Database) -> None:
    """Add keys of terminals that were taken away, and what is signed for terminals that are cut off."""
    for statement in _OFFLINE:
        db.execute(statement)


@migrations()
def lists_and_locks(db: Database) -> None:
    """Add which list of cards was published last, and what anti-plug locks have said."""
    for statement in _LISTS_AND_LOCKS:
        db.execute(statement)


@migrations()
def swaps_by_card(db: Database) -> None:
    """Add the card that may do a swap in the place of a code."""
    for statement in _SWAP_CARDS:
        db.execute(statement)


@migrations()
def fingerprints(db: Database) -> None:
    """Add how devices behave on the wire."""
    for statement in _WATCH:
        db.execute(statement)
