"""Why a swipe opened something or not: a stable code, the sentence for the operator, and what helps.

The codes are in the ledger and in events; they are never renamed. Nothing here names a person or a card.
"""

from __future__ import annotations

from collections.abc import Mapping

from policies.texts import Text, t

#: The sentence of each code, in the order of the checks. `second_refused` holds the sentence of what is wrong.
CODES: Mapping[str, Text] = {
    "granted": t("the card opens this terminal"),
    "reader_unknown": t("the swipe comes from a reader that the site does not have"),
    "reader_terminal": t("this reader does not open this terminal"),
    "swipe_future": t("the swipe is from the future: a clock is wrong"),
    "swipe_old": t("the swipe came too late to count"),
    "answer_late": t("too much time has passed since the card was swiped"),
    "replayed": t("this swipe was used before"),
    "unknown_card": t("the card is not in the list of the access-control system"),
    "read_twice": t("the card was read twice in a row; the terminal stays open"),
    "already_open": t("the same card was swiped again: the terminal is shut"),
    "source_denied": t("the access-control system itself refused the card"),
    "revoked": t("the card has been revoked"),
    "suspended": t("the card is suspended"),
    "not_yet_valid": t("the card is not valid yet"),
    "expired": t("the card is no longer valid"),
    "no_right": t("the card has no right to this terminal"),
    "no_purpose": t("the card may open this terminal, but not for this purpose"),
    "holiday": t("the card does not open anything on a holiday"),
    "outside_hours": t("the card does not open anything at this hour"),
    "profile_unknown": t("the list names hours that the site has not declared"),
    "offline": t("the terminal does not answer"),
    "terminal_taken": t("the terminal is open already, by another swipe"),
    "too_many_leases": t("the card has another terminal open"),
    "purpose": t("the card is accepted; the purpose is needed"),
    "nothing_allowed": t("card, reader, terminal and site rules together allow nothing"),
    "reader_trust": t("this reader cannot prove which card it saw; alone it never opens storage"),
    "second_person": t("the card is accepted; a second person is needed"),
    "second_refused": t("the second card does not count: {reason}", reason=""),
    "second_same": t("both cards belong to the same person"),
    "second_unknown": t("the list does not say whose the cards are, so they do not stand for two people"),
}

#: What the controller says besides decisions: of a purpose before the swipe, of a lease that is to be prolonged, of
#: what it could not write down.
DESK: Mapping[str, Text] = {
    "chosen": t("the purpose is chosen, and counts for the next swipe"),
    "prolonged_before": t("this opening was prolonged before; it is prolonged once"),
    "not_open": t("nothing that could be prolonged is open"),
    "not_recorded": t("the controller cannot write its ledger, so nothing opens"),
    "withdrawn": t("the card was revoked: the terminal is shut"),
    "ended_by_admin": t("the administrator of this site has shut the terminal"),
}

#: Every sentence that an operator can be told, by code.
SENTENCES: Mapping[str, Text] = {**CODES, **DESK}

_OFFICE = t("ask the office that issues the cards")
_ADMIN = t("ask the administrator of this site")
_AGAIN = t("swipe again")

#: What helps, and whom to ask, by code.
NEXT: Mapping[str, Text] = {
    "granted": t("plug in the device; swipe the same card again to shut"),
    "reader_unknown": _ADMIN,
    "reader_terminal": t("swipe at the reader beside this terminal, or ask the administrator of this site"),
    "swipe_future": t("ask the administrator of this site to set the reader's clock"),
    "swipe_old": t("swipe again; if it happens again, ask the administrator to look at network and clocks"),
    "answer_late": _AGAIN,
    "replayed": _AGAIN,
    "unknown_card": _OFFICE,
    "read_twice": t("take the card away from the reader; swipe again to shut"),
    "already_open": t("swipe again to open"),
    "source_denied": _OFFICE,
    "revoked": _OFFICE,
    "suspended": _OFFICE,
    "not_yet_valid": _OFFICE,
    "expired": _OFFICE,
    "no_right": _OFFICE,
    "no_purpose": t("choose another purpose, or ask the office that issues the cards"),
    "holiday": t("come back on a working day, or ask the office that issues the cards"),
    "outside_hours": t("come back in the hours of the card, or ask the office that issues the cards"),
    "profile_unknown": _ADMIN,
    "offline": t("check that the terminal runs and is connected, or ask the administrator of this site"),
    "terminal_taken": t("wait until it is shut, or have the other card swiped again"),
    "too_many_leases": t("shut the other terminal first, by swiping the card there"),
    "purpose": t("choose the purpose at the terminal"),
    "nothing_allowed": _ADMIN,
    "reader_trust": t("swipe at a reader that proves its cards, or ask the administrator of this site"),
    "second_person": t("have a second person swipe at this terminal's reader"),
    "second_refused": _OFFICE,
    "second_same": t("have another person swipe"),
    "second_unknown": _OFFICE,
    "chosen": t("swipe the card at the reader"),
    "prolonged_before": t("shut, and swipe again when it is needed"),
    "not_open": _AGAIN,
    "not_recorded": _ADMIN,
    "withdrawn": _OFFICE,
    "ended_by_admin": _ADMIN,
}
