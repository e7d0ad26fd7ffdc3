"""The verbs about the network guard: what it says, whether its file is right, a first file, and one round now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from agent.cli.base import DONE, NOTHING, Spot
from policies.errors import NotFound, SafetyRefusal
from policies.texts import Text, render, t

if TYPE_CHECKING:
    from agent.egress.declared import GuardRule
    from agent.egress.places import GuardPlaces
    from policies.messages.proof import Proof

#: What the kernel has, in words.
_STATES: dict[object, Text] = {
    "in_force": t("The guard is in force: nothing but the site's networks is let in or out."),
    "denies_all": t("The guard denies everything: its file was never readable."),
    "absent": t("The guard is NOT in force: the kernel does not have its rules."),
    "silent": t("The guard does not run: its rules may stand, but nobody looks after them, and nothing is proved."),
}


#: The verdicts in words, by their names in a proof.
_VERDICTS: dict[object, Text] = {
    "fail": t("fail"),
    "unverified": t("unverified"),
    "manual": t("manual"),
}


def verbs(spot: Spot) -> list[click.Command]:
    """Make the group and its verbs."""
    about = t(
        "The network guard: the terminal speaks with the site's networks alone, and it is proved again and again that"
        " nothing else can be reached (clause 7.2d)."
    )
    group = click.Group("guard", help=spot.words(about), short_help=spot.words(t("Look after the network guard.")))
    for command in (_show(spot), _check(spot), _prove(spot), _sample(spot)):
        group.add_command(command)
    return [group]


def _show(spot: Spot) -> click.Command:
    def show(as_json: bool) -> int:
        from agent.egress.places import find_places
        from agent.egress.records import read_state

        told = read_state(find_places(spot.folder).run) or {}
        shown = spot.ask({"do": "status"}, operator=True).get("guard")
        if shown is None:
            raise _none(spot)
        if as_json:
            spot.give({**shown, "networks": told.get("networks", []), "proof": told.get("proof")})
        else:
            for text in _told(shown, told.get("networks", []), spot):
                spot.say(text)
        return DONE if shown["guard"] == "in_force" and not shown["wrong"] else NOTHING

    about = t("Say whether the guard is in force, what its last round found, and how old that is.")
    return spot.verb("show", t("Say how the guard stands."), about, show, [spot.json_option()])


def _check(spot: Spot) -> click.Command:
    def check() -> int:
        places, rule = _declared(spot)
        refuse_cutting_off(rule, places)
        for each in rule.networks:
            spot.say(t("allowed: {network}", network=str(each)))
        for source in rule.time:
            spot.say(t("allowed for NTP alone: {address}", address=str(source)))
        counted = t("{canaries} canaries must fail, {controls} controls must answer, every {seconds} s.",
                    canaries=len(rule.canaries), controls=len(rule.controls), seconds=rule.every)  # fmt: skip
        spot.say(counted)
        return DONE

    about = t("Read guard.toml strictly, say what it allows, and whether the controller can be reached with it.")
    return spot.verb("check", t("Check the guard's file."), about, check)


def _prove(spot: Spot) -> click.Command:
    def prove(as_json: bool) -> int:
        from policies.egress import judge_proof
        from policies.messages.proof import proof_data

        proof = _round(spot)
        wrong = judge_proof(proof)
        if as_json:
            found = [{"verdict": verdict.value, "text": _both(text)} for verdict, text in wrong]
            spot.give({"proof": proof_data(proof), "wrong": found})
            return NOTHING if wrong else DONE
        for each in proof.probes:
            spot.say(str(each))
        for verdict, text in wrong:
            spot.say(t("{verdict}: {text}", verdict=_VERDICTS[verdict.value], text=text))
        if not wrong:
            spot.say(t("No way out was found, and the controls answered."))
        return NOTHING if wrong else DONE

    about = t("Look and probe once, now, and print what was found; nothing is told to the controller (root).")
    return spot.verb("prove", t("Make one round of the proof."), about, prove, [spot.json_option()])


def _sample(spot: Spot) -> click.Command:
    def sample() -> int:
        from agent.egress.drafting import draft
        from agent.egress.places import find_places
        from agent.egress.sight import own_networks

        for line in draft(own_networks(), find_places(spot.folder).broker, spot.language):
            spot.say(line)
        return DONE

    about = t("Print a first guard.toml out of this machine's own networks, to be read, corrected and saved.")
    return spot.verb("sample", t("Print a first file for the guard."), about, sample)


def _round(spot: Spot) -> Proof:
    """Make one round with what the kernel has now."""
    from agent.egress.nft import the_nft
    from agent.egress.proving import prove
    from agent.egress.rules import shape
    from policies.messages.proof import GuardState

    places, rule = _declared(spot)
    found = the_nft().read()
    state = GuardState.IN_FORCE if found is not None and found.shape == shape(rule) else GuardState.ABSENT
    return prove(rule, state, places.root)


def _declared(spot: Spot) -> tuple[GuardPlaces, GuardRule]:
    from agent.egress.declared import load_rule
    from agent.egress.places import find_places

    places = find_places(spot.folder)
    return places, load_rule(places.declared, places.hosts)


def refuse_cutting_off(rule: GuardRule, places: GuardPlaces) -> None:
    """Raise SafetyRefusal when the guard would cut the terminal off from its own controller; names are resolved."""
    from agent.egress.declared import refuse_cut_off
    from agent.egress.sight import resolve

    if not places.hosts:
        raise SafetyRefusal(
            t("no controller is declared, so it cannot be said whether the guard would cut it off"),
            where=str(places.declared),
            next_step=t("enrol the terminal first: portseal-agent enroll BUNDLE"),
        )
    for each in places.hosts:
        refuse_cut_off(rule, each, resolve, str(places.declared))


def _none(spot: Spot) -> NotFound:
    from agent.egress.places import find_places

    return NotFound(
        t("this terminal has no network guard"),
        where=str(find_places(spot.folder).declared),
        next_step=t("write the file ('portseal-agent guard sample'), then install again"),
    )


def _told(shown: Mapping[str, Any], networks: Iterable[str], spot: Spot) -> Iterable[Text | str]:
    yield _STATES.get(shown["guard"], _STATES["silent"])
    if networks:
        yield t("allowed: {network}", network=", ".join(networks))
    if shown["fault"]:
        yield shown["fault"][spot.language]
    for each in shown["wrong"]:
        verdict = _VERDICTS.get(each["verdict"], _VERDICTS["unverified"])
        yield t("{verdict}: {text}", verdict=verdict, text=each["text"][spot.language])
    if shown["seconds"] is None:
        yield t("No round was made yet.")
    elif shown["wrong"]:
        yield t("Last round: {seconds} s ago.", seconds=shown["seconds"])
    else:
        yield t("Last round, {seconds} s ago: no way out was found, and the controls answered.",
                seconds=shown["seconds"])  # fmt: skip


def _both(text: Text) -> dict[str, str]:
    from policies.texts import LANGUAGES

    return {language: render(text, language) for language in LANGUAGES}
