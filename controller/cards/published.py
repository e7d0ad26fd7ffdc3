"""A list that the access-control system has published over the broker: read as an export is, in a process of its own.

`python -m controller.cards.published SITE` takes one from standard input (:func:`packed`): a file in memory, never on a
disk. It prints the answer (policies/messages/cards.py). A version that is not higher than the last one is an old list,
sent again by mistake or by somebody who has recorded it: it is refused, unless it is that very list.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from controller.cards.pseudonyms import card_key
from controller.cards.sync import Export, SourceState, Synced, look_at
from controller.context import Context, open_context
from controller.store import cards
from controller.store.published import Mark, last_mark, put_mark
from policies.errors import PortsealError
from policies.messages.cards import MAX_PROBLEMS, ListAck, ListProblem, PublishedList
from policies.site import Site
from policies.texts import render

#: What problems call such a list.
NAME = "cards"
#: What a look comes to, as the answer says it. An export that is old is not: it has just come.
_CODES = {
    SourceState.SAME: "same", SourceState.OLD: "same", SourceState.IMPORTED: "imported",
    SourceState.REFUSED: "shrinks", SourceState.UNREADABLE: "problems",
}  # fmt: skip


def packed(found: PublishedList) -> bytes:
    """Give a list as the process reads it: a line of what was told of it, and its bytes."""
    return json.dumps({"version": found.version, "sha256": found.digest}).encode("ascii") + b"\n" + found.content


def unpacked(data: bytes) -> PublishedList:
    """Read back what :func:`packed` gives."""
    head, _, content = data.partition(b"\n")
    told = json.loads(head)
    return PublishedList(told["version"], told["sha256"], content)


def standing(context: Context, version: int, digest: str) -> str:
    """Compare a version with the highest so far: "" for a new one, "same", "older", "other" (see CODES)."""
    mark = last_mark(context.store)
    if mark is None or version > mark.version:
        return ""
    if version < mark.version:
        return "older"
    mine = card_key(context.site.folder).told(bytes.fromhex(digest))
    return "same" if mine == mark.file_mac else "other"


def take_published(context: Context, found: PublishedList) -> ListAck:
    """Put a published list in force, or say why not; raises StorageFailed, and Busy when cards are changed meanwhile.

    Its version counts from now on whatever becomes of it: a list that was sent before it does not come back.
    """
    now, mac = context.clock(), card_key(context.site.folder).file(found.content)
    with context.store.transaction() as connection:
        refusal = standing(context, found.version, found.digest)
        if not refusal:
            put_mark(connection, Mark(found.version, mac, now))
    if refusal in ("older", "other"):
        return _answer(context, found, refusal)
    synced = look_at(context, Export(found.content, now, NAME, "topic"))
    return _answer(context, found, _CODES[synced.look.state], _problems(context.site, synced))


def _answer(
    context: Context, found: PublishedList, code: str, problems: tuple[ListProblem, ...] = ()
) -> ListAck:  # fmt: skip
    inforce = cards.listing(context.store)
    return ListAck(found.version, found.digest, code, 0 if inforce is None else inforce.version, problems)


def _problems(site: Site, synced: Synced) -> tuple[ListProblem, ...]:
    told = [
        ListProblem(each.row, each.column, render(each.text, site.language)) for each in synced.problems[:MAX_PROBLEMS]
    ]
    if not told and synced.error is not None:
        told = [ListProblem(0, "", render(synced.error.what, site.language))]
    return tuple(told)


def main(arguments: list[str]) -> int:
    """Take one list from standard input; the answer goes to standard output."""
    found = unpacked(sys.stdin.buffer.read())
    with open_context(Path(arguments[0]), actor="controller") as context:
        answer = take_published(context, found)
    sys.stdout.buffer.write(answer.encode())
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PortsealError as error:
        sys.stderr.write(f"portseal: {error}\n")
        sys.exit(error.exit_code)
