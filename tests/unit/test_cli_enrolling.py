"""terminal enroll, answer, revoke and attest, and what doctor and terminal show say of them."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent.enrol.keys import make_key
from controller.ledger.query import Filter, entries
from controller.store.open import open_store
from policies.keys import SigningKey
from policies.messages.bundle import read_bundle
from policies.messages.enrolment import make_request, read_answer
from tests.unit.cli_site import SITE, Cli, make_site
from tests.unit.test_cli_census import signed
from tests.unit.test_cli_json import examples, same
from tests.unit.test_cli_terminal import TERMINALS

BROKER = '[broker]\nhost = "10.1.0.2"\n'
AGENT = SigningKey(bytes([7]) * 32)


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    made = Cli(make_site(tmp_path / "demo", SITE + TERMINALS + BROKER), capsys, monkeypatch)
    (made.folder / "photos").mkdir()
    (made.folder / "photos/guard-1.jpg").write_bytes(b"a photo")
    (tmp_path / "report.pdf").write_bytes(b"a report")
    monkeypatch.chdir(tmp_path)
    return made


def told(demo: Cli, kind: str) -> list[dict[str, Any]]:
    with open_store(demo.folder) as store:
        return [each.data for each in entries(store, Filter(kind=kind))]


def request(bundle: Path) -> bytes:
    return make_request(read_bundle(bundle.read_bytes()), make_key("guard-1").csr, AGENT).raw


def enrolled(demo: Cli) -> None:
    assert demo("terminal", "enroll", "guard-1", "--out", "b").code == 0
    Path("r").write_bytes(request(Path("b")))
    assert demo("terminal", "answer", "r").code == 0


class TestEnroll:
    def test_a_bundle_is_the_owners_and_its_token_is_printed_nowhere(self, demo: Cli) -> None:
        ran = demo("terminal", "enroll", "GUARD-1")
        assert ran.code == 0, ran
        path = Path("guard-1.bundle")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        bundle = read_bundle(path.read_bytes())
        assert bundle.token.hex() not in ran.out + ran.err
        assert bundle.fingerprint in ran.out
        assert (bundle.site, bundle.terminal, str(bundle.door)) == ("demo", "guard-1", "10.1.0.2:8843")
        [intent] = told(demo, "terminal.enrol_open.intent")
        assert (intent["bundle"], intent["replaces"]) == (bundle.digest, False)

    def test_a_second_bundle_takes_the_place_of_the_first_and_says_so(self, demo: Cli) -> None:
        demo("terminal", "enroll", "guard-1")
        first = Path("guard-1.bundle").read_bytes()
        ran = demo("terminal", "enroll", "guard-1", "--hours", 1)
        assert "counts no more" in ran.out
        assert Path("guard-1.bundle").read_bytes() != first
        Path("early").write_bytes(first)
        Path("r").write_bytes(request(Path("early")))
        assert demo("terminal", "answer", "r").code == 4

    def test_no_other_file_is_overwritten(self, demo: Cli) -> None:
        Path("notes.txt").write_text("mine", "ascii")
        ran = demo("terminal", "enroll", "guard-1", "--out", "notes.txt")
        assert (ran.code, "is no bundle" in ran.complaint) == (4, True)
        assert Path("notes.txt").read_text("ascii") == "mine"
        assert told(demo, "terminal.enrol_open") == []

    @pytest.mark.parametrize(
        ("name", "site", "code", "said"),
        [
            ("nvr-1", BROKER, 2, "has no agent"),
            ("guard-9", BROKER, 2, "no terminal called"),
            ("guard-1", "", 2, "site.toml: broker.host"),
        ],
    )
    def test_what_cannot_be_enrolled_is_one_line(self, demo: Cli, name: str, site: str, code: int, said: str) -> None:
        (demo.folder / "site.toml").write_text(SITE + TERMINALS + site, "utf-8")
        ran = demo("terminal", "enroll", name)
        assert (ran.code, said in ran.complaint) == (code, True), ran
        assert not Path(f"{name}.bundle").exists()

    def test_an_external_broker_has_its_own_authority_and_the_door_an_address_of_its_own(self, demo: Cli) -> None:
        external = '[broker]\nmode = "external"\nhost = "mqtt.example"\nauthority = "theirs.pem"\n'
        (demo.folder / "site.toml").write_text(SITE + TERMINALS + external, "utf-8")
        pem = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
        (demo.folder / "theirs.pem").write_text(pem, "ascii")
        ran = demo("terminal", "enroll", "guard-1")
        assert (ran.code, "site.toml: web.host" in ran.complaint) == (2, True), ran
        (demo.folder / "site.toml").write_text(SITE + TERMINALS + external + '[web]\nhost = "10.1.0.2"\n', "utf-8")
        assert demo("terminal", "enroll", "guard-1").code == 0
        bundle = read_bundle(Path("guard-1.bundle").read_bytes())
        assert (str(bundle.broker), bundle.broker_authority == pem) == ("mqtt.example:8883", True)
        assert bundle.authority == (demo.folder / "keys/ca.pem").read_text("ascii")


class TestAnswer:
    def test_a_request_is_answered_once_and_the_same_again(self, demo: Cli) -> None:
        demo("terminal", "enroll", "guard-1", "--out", "b")
        Path("r").write_bytes(request(Path("b")))
        ran = demo("terminal", "answer", "r")
        assert (ran.code, AGENT.public.fingerprint in ran.out) == (0, True), ran
        answer = Path("r.answer").read_bytes()
        read = read_answer(answer, read_bundle(Path("b").read_bytes()).grant_key)
        assert (read.aud, read.request) == ("guard-1", sha256(Path("r").read_bytes()).hexdigest())
        assert demo("terminal", "answer", "r", "--out", "again").code == 0
        assert Path("again").read_bytes() == answer
        Path("r2").write_bytes(request(Path("b")))
        ran = demo("terminal", "answer", "r2")
        assert (ran.code, "used already" in ran.complaint) == (4, True), ran
        assert not Path("r2.answer").exists()

    def test_a_damaged_or_missing_request_is_one_line(self, demo: Cli) -> None:
        demo("terminal", "enroll", "guard-1", "--out", "b")
        for raw in (b"", b"{}", request(Path("b"))[:-9]):
            Path("r").write_bytes(raw)
            ran = demo("terminal", "answer", "r")
            assert (ran.code, ran.complaint.startswith("portseal: r: ")) == (2, True), ran
        assert demo("terminal", "answer", "nothing").code == 2
        Path("r").write_bytes(request(Path("b")))
        assert demo("terminal", "answer", "r", "--out", "r").code == 2

    def test_the_ledger_tells_whose_key_takes_whose_place(self, demo: Cli) -> None:
        before = signed()
        Path("c").write_bytes(before.raw)
        assert demo("terminal", "census", "guard-1", "c").code in (0, 1)
        enrolled(demo)
        [intent] = told(demo, "terminal.enrol.intent")
        assert intent["replaces"] == before.key.fingerprint
        # What the old key has signed counts no more, and what it signs now is refused.
        assert demo("terminal", "show", "guard-1", "--json").json["census"] is None
        Path("c").write_bytes(signed(age=1).raw)
        ran = demo("terminal", "census", "guard-1", "c")
        assert (ran.code, "portseal terminal enroll" in ran.complaint) == (4, True), ran


class TestRevoke:
    def test_a_revoked_terminal_is_shown_as_one(self, demo: Cli) -> None:
        assert demo("terminal", "revoke", "guard-1", "--reason", "x").code == 2  # nothing to revoke
        enrolled(demo)
        shown = demo("terminal", "show", "guard-1", "--json").json
        assert (shown["certificate"] is not None, shown["revoked"]) == (True, False)
        ran = demo("terminal", "revoke", "guard-1", "--reason", " stolen \n today ")
        assert (ran.code, "1 certificates are revoked" in ran.out) == (0, True), ran
        shown = demo("terminal", "show", "guard-1", "--json").json
        assert (shown["certificate"], shown["revoked"]) == (None, True)
        assert "certificate: revoked" in demo("terminal", "show", "guard-1").out
        assert told(demo, "certificate.revoke.intent")[0]["reason"] == "stolen today"
        assert demo("terminal", "revoke", "guard-1", "--reason", "").code == 2

    def test_a_terminal_that_site_toml_has_no_more_can_be_revoked(self, demo: Cli) -> None:
        enrolled(demo)
        (demo.folder / "site.toml").write_text(SITE + BROKER, "utf-8")
        assert demo("terminal", "revoke", "guard-1", "--reason", "sold").code == 0
        assert demo("terminal", "revoke", "guard-7", "--reason", "sold").code == 2


class TestAttest:
    ARGUMENTS = ("terminal", "attest", "guard-1", "--person", "A0117", "--report", "GA 17", "--file", "report.pdf")

    def test_the_ledger_has_the_evidence_and_no_name(self, demo: Cli) -> None:
        assert "has no attestation" in demo("terminal", "show", "guard-1").out
        ran = demo(*self.ARGUMENTS)
        assert ran.code == 0, ran
        [entry] = told(demo, "terminal.attest")
        assert entry["by"] == "a0117"
        assert entry["report_sha256"] == sha256(b"a report").hexdigest()
        assert entry["photo_sha256"] == sha256(b"a photo").hexdigest()
        assert (entry["model"], entry["lock"], entry["expires"]) == ("KeyLock U4", "U4-1", "2999-12-31")
        assert "Wang" not in str(entry)
        assert "attested in the ledger" in demo("terminal", "show", "guard-1").out
        assert demo("terminal", "show", "guard-1", "--json").json["attestation"]["current"] is True

    def test_another_photo_or_lock_needs_a_new_attestation(self, demo: Cli) -> None:
        demo(*self.ARGUMENTS)
        (demo.folder / "photos/guard-1.jpg").write_bytes(b"another photo")
        assert demo("terminal", "show", "guard-1", "--json").json["attestation"]["current"] is False
        assert "something else than site.toml says" in demo("terminal", "show", "guard-1").out
        demo(*self.ARGUMENTS)
        assert demo("terminal", "show", "guard-1", "--json").json["attestation"]["current"] is True
        text = (demo.folder / "site.toml").read_text("utf-8")
        (demo.folder / "site.toml").write_text(text.replace("U4-1", "U4-2"), "utf-8")
        assert demo("terminal", "show", "guard-1", "--json").json["attestation"]["current"] is False

    @pytest.mark.parametrize(
        ("change", "code", "said"),
        [
            ({"--report": "GA 18"}, 4, "names another report: GA 17"),
            ({"name": "guard-2"}, 4, "declares no lock"),
            ({"--person": "王立"}, 2, "not the id of a person"),
            ({"--file": "nothing.pdf"}, 2, "cannot be read"),
            ({"--file": "empty.pdf"}, 2, "the file is empty"),
        ],
    )
    def test_what_site_toml_does_not_say_is_not_attested(
        self, demo: Cli, change: dict[str, str], code: int, said: str
    ) -> None:
        Path("empty.pdf").touch()
        given = {"--person": "a1", "--report": "GA 17", "--file": "report.pdf"} | change
        name = given.pop("name", "guard-1")
        ran = demo("terminal", "attest", name, *(word for pair in given.items() for word in pair))
        assert (ran.code, said in ran.complaint) == (code, True), ran
        assert told(demo, "terminal.attest") == []

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("2999-12-31\n[terminals.guard-2]", "2020-12-31\n[terminals.guard-2]", "has expired on 2020-12-31"),
            ('photo = "photos/guard-1.jpg"\n', "", "names no photo"),
        ],
    )
    def test_an_expired_claim_or_one_without_a_photo_is_not_attested(
        self, demo: Cli, old: str, new: str, said: str
    ) -> None:
        text = (demo.folder / "site.toml").read_text("utf-8")
        assert old in text
        (demo.folder / "site.toml").write_text(text.replace(old, new), "utf-8")
        ran = demo(*self.ARGUMENTS)
        assert (ran.code, said in ran.complaint) == (4, True), ran


class TestDoctor:
    def checks(self, demo: Cli) -> list[tuple[str, str]]:
        found = demo("doctor", "--offline", "--json").json["checks"]
        return [(each["level"], each["text"]) for each in found if each["check"] == "broker"]

    def test_before_and_after_the_first_enrolment(self, demo: Cli) -> None:
        assert self.checks(demo) == [("ok", "no terminal is enrolled yet; keys are made at the first need")]
        enrolled(demo)
        [(level, text)] = self.checks(demo)
        assert (level, text.startswith("the authority is good until ")) == ("ok", True)

    def test_a_lost_or_open_key_is_a_fault(self, demo: Cli) -> None:
        enrolled(demo)
        (demo.folder / "keys/ca.key").chmod(0o644)
        ran = demo("doctor", "--offline", "--json")
        assert ran.code == 2
        assert any("ca.key" in each["subject"] for each in ran.json["checks"] if each["check"] == "files")
        (demo.folder / "keys/ca.key").unlink()
        [(level, text)] = self.checks(demo)
        assert (level, "the key is gone" in text) == ("fault", True)

    def test_a_host_that_is_not_told_and_a_certificate_for_other_names_are_warnings(self, demo: Cli) -> None:
        enrolled(demo)
        from controller.broker.files import broker_pair
        from controller.context import open_context

        with open_context(demo.folder) as context:
            broker_pair(context)
        text = (demo.folder / "site.toml").read_text("utf-8")
        (demo.folder / "site.toml").write_text(text.replace('host = "10.1.0.2"\n', ""), "utf-8")
        assert [level for level, _ in self.checks(demo)] == ["warning", "warning"]

    def test_ends_that_come_near_are_warnings(self, demo: Cli) -> None:
        enrolled(demo)
        with open_store(demo.folder) as store:
            store.execute("UPDATE certificate SET expires = '2020-01-01T00:00:00.000000Z'")
        assert any("has not renewed it" in text for _, text in self.checks(demo))


class TestDocument:
    """docs/json.md says what the verbs print: same keys, same types."""

    def test_every_verb(self, demo: Cli) -> None:
        documented = examples()

        def check(verb: str, *words: object) -> None:
            same(documented[verb], demo(*verb.split(), *words, "--json").json, verb, verb)

        check("terminal enroll", "guard-1", "--out", "b")
        Path("r").write_bytes(request(Path("b")))
        check("terminal answer", "r")
        check("terminal attest", *TestAttest.ARGUMENTS[2:])
        check("terminal show", "guard-1")
        check("terminal revoke", "guard-1", "--reason", "x")
