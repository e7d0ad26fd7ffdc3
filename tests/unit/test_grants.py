"""Grants are read: only what the trusted key signed, in the one form that there is, is a grant."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from policies import canonical, jwt
from policies.errors import InputError
from policies.grants import (
    CODES,
    GRANT_TYPE,
    PURPOSE,
    PURPOSES,
    REVOKE_TYPE,
    Grant,
    GrantRefused,
    Purpose,
    read,
    sign,
)
from policies.keys import SigningKey
from policies.texts import render
from policies.usb import Scope
from tests.unit.made_grants import (
    GRANT,
    KEY,
    OTHER_KEY,
    PORTS,
    base64url,
    claims,
    grant,
    header,
    scoped,
    signed,
    token,
)

BODY = base64url(canonical.encode(claims()))
#: The order of the group that Ed25519 works in: adding it to a signature's second half gives the same point.
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def refusal(given: bytes) -> GrantRefused:
    with pytest.raises(GrantRefused) as caught:
        read(given, KEY.public)
    return caught.value


def code(given: bytes) -> str:
    return refusal(given).code


def test_a_signed_grant_is_read_back_as_it_was() -> None:
    assert read(sign(GRANT, KEY).encode(), KEY.public) == GRANT


def test_the_token_is_the_one_that_the_rfcs_describe() -> None:
    head, body, signature = sign(GRANT, KEY).encode().split(b".")
    assert head == base64url(b'{"alg":"EdDSA","typ":"portseal-grant+jwt"}')
    assert body == base64url(json.dumps(claims(), sort_keys=True, separators=(",", ":")).encode())
    assert signature == base64url(KEY.sign(head + b"." + body))
    assert token(claims()) == sign(GRANT, KEY).encode()


class TestSignature:
    def test_of_another_key_is_refused(self) -> None:
        assert code(token(claims(), key=OTHER_KEY)) == "signature"
        assert read(token(claims(), key=KEY), KEY.public) == GRANT

    def test_is_checked_before_the_payload_is_looked_at(self) -> None:
        """What cannot be decoded, or is no JSON, is told only to who holds the key."""
        for body, told in ((b"!!!", "malformed"), (base64url(b"no json"), "claims")):
            assert code(signed(header(), body, OTHER_KEY)) == "signature"
            assert code(signed(header(), body, KEY)) == told

    def test_is_checked_over_the_bytes_as_they_came(self) -> None:
        seen: list[tuple[bytes, bytes]] = []

        class Recorder:
            raw = KEY.public.raw

            def verify(self, signature: bytes, data: bytes) -> bool:
                seen.append((signature, data))
                return False

        with pytest.raises(GrantRefused, match="signature"):
            read(token(claims()), Recorder())
        assert seen == [(KEY.sign(header() + b"." + BODY), header() + b"." + BODY)]

    def test_that_was_cut_off_is_refused(self) -> None:
        whole = token(claims())
        unsigned = whole.rpartition(b".")[0]
        assert code(unsigned + b".") == "malformed"
        assert code(unsigned) == "malformed"
        assert code(whole[:-2]) == "malformed"
        assert code(unsigned + b"." + base64url(bytes(64))) == "signature"

    def test_has_no_second_form(self) -> None:
        """S and S+L name the same point; RFC 8032, section 5.1.7, wants S below L."""
        signature = KEY.sign(header() + b"." + BODY)
        first, second = signature[:32], int.from_bytes(signature[32:], "little")
        for value, good in ((second, True), (second + GROUP_ORDER, False)):
            made = header() + b"." + BODY + b"." + base64url(first + value.to_bytes(32, "little"))
            assert (read(made, KEY.public) == GRANT) if good else (code(made) == "signature")

    def test_of_a_shared_secret_made_of_the_public_key_is_refused(self) -> None:
        """The confusion of RS256 and HS256: the verifier's public key used as an HMAC secret."""
        for secret in (KEY.public.raw, KEY.public.to_pem()):
            for head in (header(alg="HS256"), header()):
                mac = hmac.new(secret, head + b"." + BODY, hashlib.sha256).digest()
                made = head + b"." + BODY + b"." + base64url(mac)
                assert code(made) == ("algorithm" if head != header() else "malformed")
                assert code(head + b"." + BODY + b"." + base64url(mac * 2)) in ("algorithm", "signature")


class TestHeader:
    @pytest.mark.parametrize(
        "name", ["none", "None", "NONE", "HS256", "RS256", "ES256", "Ed25519", "eddsa", "", None, 1]
    )
    def test_of_another_algorithm_is_refused_with_and_without_a_signature(self, name: object) -> None:
        head = header(alg=name)
        assert code(signed(head, BODY)) == "algorithm"
        assert code(head + b"." + BODY + b".") == "algorithm"

    @pytest.mark.parametrize("kind", ["JWT", "portseal-revoke+jwt", "application/portseal-grant+jwt", "", None, ["x"]])
    def test_of_another_type_is_refused(self, kind: Any) -> None:
        assert code(signed(header(kind), BODY)) == "type"
        assert read(signed(header(GRANT_TYPE), BODY), KEY.public) == GRANT

    @pytest.mark.parametrize(
        "more",
        [
            {"kid": "grant"},
            {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": base64url(OTHER_KEY.public.raw).decode()}},
            {"jku": "https://example.net/keys"},
            {"x5c": ["MIIB"]},
            {"crit": ["exp"], "exp": 1},
            {"b64": False, "crit": ["b64"]},
            {"zip": "DEF"},
            {"cty": "JWT"},
        ],
        ids=lambda more: next(iter(more)),
    )
    def test_with_anything_more_is_refused_whoever_signed(self, more: dict[str, object]) -> None:
        for key in (KEY, OTHER_KEY):
            assert code(signed(header(**more), BODY, key)) == "header"

    @pytest.mark.parametrize(
        "spelt",
        [
            b'{"typ":"portseal-grant+jwt","alg":"EdDSA"}',
            b'{"alg": "EdDSA","typ":"portseal-grant+jwt"}',
            b'{"alg":"none","alg":"EdDSA","typ":"portseal-grant+jwt"}',
            b'{"alg":"\\u0045dDSA","typ":"portseal-grant+jwt"}',
        ],
    )
    def test_in_another_spelling_is_refused(self, spelt: bytes) -> None:
        assert code(signed(base64url(spelt), BODY)) == "header"

    @pytest.mark.parametrize(
        "noise", [b"", b"e30=", b"!", b"a", base64url(b"[]"), base64url(b"\xff"), base64url(b"[" * 2000)]
    )
    def test_that_is_none_is_refused(self, noise: bytes) -> None:
        assert code(signed(noise, BODY)) == "malformed"


class TestForm:
    def test_is_three_parts(self) -> None:
        whole = token(claims())
        for wrong in (b"", b".", b"..", b"...", whole + b".", b"." + whole, whole.replace(b".", b"", 1)):
            assert code(wrong) == "malformed"

    def test_a_token_that_is_too_long_is_not_looked_at(self) -> None:
        longest = jwt.MAX_TOKEN
        fill = longest - len(header()) - 88
        right = signed(header(), b"A" * fill)
        assert len(right) == longest
        assert code(right) != "size"
        assert code(signed(header(), b"A" * (fill + 1))) == "size"

    def test_base64url_has_one_spelling(self) -> None:
        """The same payload with padding, with odd last bits, with blanks, or in the other alphabet is refused."""
        payloads = (canonical.encode(claims(sub="c" * length)) for length in (1, 2, 3))
        payload = next(each for each in payloads if len(each) % 3 == 1)
        body = base64url(payload)
        odd = body[:-1] + bytes([body[-1] + 1])
        assert read(signed(header(), body), KEY.public).sub.startswith("c")
        for other in (body + b"==", odd, body + b"\n", b" " + body, body[:9] + b"\r\n" + body[9:]):
            assert code(signed(header(), other)) == "malformed"
        assert code(signed(header(), base64url(b"\xfb\xff\xbf").replace(b"-", b"+").replace(b"_", b"/"))) == "malformed"

    def test_a_signature_with_odd_last_bits_is_refused(self) -> None:
        whole = token(claims())
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        last = alphabet.index(whole[-1])
        assert last % 16 == 0
        for bits in range(1, 16):
            assert code(whole[:-1] + alphabet[last + bits : last + bits + 1]) == "malformed"


class TestClaims:
    @pytest.mark.parametrize("name", sorted(claims()))
    def test_a_missing_or_empty_one_is_refused(self, name: str) -> None:
        made = claims()
        del made[name]
        assert code(token(made)) == "claims"
        nothings: tuple[object, ...] = (None, "", [], {})
        for nothing in nothings:
            assert code(token(claims(**{name: nothing}))) in ("claims", "scope")

    def test_an_unknown_one_is_refused(self) -> None:
        assert code(token(claims(admin=True))) == "claims"
        assert code(token(scoped(extra=1))) == "scope"

    @pytest.mark.parametrize("name", ["iat", "nbf", "exp", "ctr"])
    def test_a_number_is_whole_positive_and_bounded(self, name: str) -> None:
        for wrong in (1.0, 1.5, True, False, -1, 2**53, 10**30, "1", None, [1]):
            assert code(token(claims(**{name: wrong}))) == "claims"
        for text in (b"1e3", b"NaN", b"Infinity", b"-0", b"01", b"0x10"):
            raw = token(
                canonical.encode(claims()).replace(f'"{name}":{claims()[name]}'.encode(), f'"{name}":'.encode() + text)
            )
            assert code(raw) == "claims"
        assert (
            code(token(claims(**{name: 0}))) == "claims"
            if name == "ctr"
            else read(token(claims(**{name: 0})), KEY.public)
        )
        last = 2**53 - 1 if name == "ctr" else 253402300799
        assert getattr(read(token(claims(**{name: last})), KEY.public), name) == last
        assert code(token(claims(**{name: last + 1}))) == "claims"

    @pytest.mark.parametrize("name", ["sub", "jti", "nonce"])
    def test_an_id_is_of_a_safe_alphabet_and_length(self, name: str) -> None:
        for wrong in (
            "",
            "a" * 65,
            "a b" * 8,
            "../" * 6,
            "ü" * 20,
            "a" * 20 + "\n",
            "*",
            "a." * 10,
            7,
            "a" * 15 + "\x00",
        ):
            refused = refusal(token(claims(**{name: wrong})))
            assert (refused.code, refused.where) == ("claims", name)
        assert getattr(read(token(claims(**{name: "aZ09_-" * 10})), KEY.public), name) == "aZ09_-" * 10

    def test_a_nonce_is_long_enough_to_be_random(self) -> None:
        assert code(token(claims(nonce="a" * 15))) == "claims"
        assert read(token(claims(nonce="a" * 16)), KEY.public).nonce == "a" * 16

    @pytest.mark.parametrize("name", ["iss", "aud"])
    def test_site_and_terminal_are_names(self, name: str) -> None:
        for wrong in ("", "a/b", "+", "#", "a\x00", " a", "a" * 65, "名" * 22, "a\u202eb", 1):
            assert code(token(claims(**{name: wrong}))) == "claims"
        assert getattr(read(token(claims(**{name: "总部 T-1"})), KEY.public), name) == "总部 T-1"

    def test_the_boot_is_a_uuid_as_the_kernel_writes_it(self) -> None:
        right = claims()["boot"]
        for wrong in (right.upper(), right[:-1], right + "0", right.replace("-", ""), "{" + right[1:], right + "\n"):
            assert code(token(claims(boot=wrong))) == "claims"

    @pytest.mark.parametrize(
        "payload",
        [
            b"", b"null", b"[]", b"1", b'"x"', b"{}", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 2900, b'{"a":' * 500,
            canonical.encode(claims()) + b" ", b" " + canonical.encode(claims()), canonical.encode(claims()) + b"{}",
            json.dumps(claims(), sort_keys=True).encode(),
            json.dumps(claims(), separators=(",", ":")).encode(),
            canonical.encode(claims()).replace(b'"jti":"g-1"', b'"jti":"g-0","jti":"g-1"'),
            canonical.encode(claims()).replace(b'"jti":"g-1"', b'"jti":"g-1","jti":"g-1"'),
            canonical.encode(claims()).replace(b"g-1", b"\\u0067-1"),
            canonical.encode(claims()).replace(b"g-1", b"\\ud800"),
            canonical.encode(claims()).replace(b"hq", b"\xed\xa0\x80"),
        ],
    )  # fmt: skip
    def test_a_payload_in_any_other_than_canonical_form_is_refused(self, payload: bytes) -> None:
        assert code(token(payload)) == "claims"


class TestScope:
    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("ports", []), ("ports", "*"), ("ports", ["*", PORTS[0]]), ("ports", [PORTS[0], "*"]),
            ("ports", ["*", "*"]),
            ("ports", [PORTS[0], PORTS[0]]), ("ports", ["1-2.4"]), ("ports", ["pci-0000:00:14.0-usb-0:2.4"]),
            ("ports", [PORTS[0] + ":1.0"]), ("ports", [PORTS[0] + "\n"]), ("ports", ["../../etc-usbv2-0:1"]),
            ("ports", ["pci-0000:00:14.0-usbv2-0:2.0"]), ("ports", ["pci-0000:00:14.0-usbv2-0:1.1.1.1.1.1.1"]),
            ("ports", [f"pci-0000:00:14.0-usbv2-0:{n}" for n in range(1, 34)]), ("ports", [1]), ("ports", [["*"]]),
            ("classes", []), ("classes", ["*"]), ("classes", ["8"]), ("classes", ["0x08"]), ("classes", ["0E"]),
            ("classes", ["08", "08"]), ("classes", [8]), ("classes", "08"), ("classes", {"08": 1}),
            ("classes", [f"{n:02x}" for n in range(17)]),
            ("devices", 0), ("devices", 17), ("devices", True), ("devices", -1), ("devices", "1"), ("devices", None),
            ("purpose", ""), ("purpose", "Case"), ("purpose", "anything"), ("purpose", None), ("purpose", "case\n"),
            ("once", 1), ("once", None), ("once", "true"), ("read_only", 0), ("read_only", None),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused_and_named(self, name: str, wrong: object) -> None:
        refused = refusal(token(scoped(**{name: wrong})))
        assert (refused.code, refused.where) == ("scope", name)

    @pytest.mark.parametrize("name", sorted(claims()["scope"]))
    def test_every_member_must_be_there(self, name: str) -> None:
        scope = claims()["scope"]
        del scope[name]
        assert code(token(claims(scope=scope))) == "scope"

    @pytest.mark.parametrize(
        "ports",
        [
            ("*",), PORTS, ("platform-dummy_hcd.0-usbv2-0:1",), ("platform-xhci-hcd.0.auto-usbv3-0:1.2.3.4.5.6",),
            ("platform-fd500000.pcie-pci-0000:01:00.0-usbv2-0:1.1",), ("pci-0000:00:1d.7-usbv1-0:127",),
        ],
    )  # fmt: skip
    def test_port_paths_of_every_kind_of_controller_are_taken(self, ports: tuple[str, ...]) -> None:
        assert read(token(scoped(ports=list(ports))), KEY.public).scope.ports == ports

    def test_keyboards_and_hubs_open_only_when_they_are_named(self) -> None:
        """There is no word for every class: what is not in the list is not in the scope."""
        assert read(token(scoped(classes=["08"])), KEY.public).scope.classes == ("08",)
        assert read(token(scoped(classes=["03", "08", "09"])), KEY.public).scope.classes == ("03", "08", "09")

    def test_every_purpose_has_its_words_and_is_taken(self) -> None:
        assert set(PURPOSES) == set(Purpose)
        assert set(PURPOSE.pattern.split("|")) == {each.value for each in Purpose}
        for each in Purpose:
            assert read(token(scoped(purpose=each.value)), KEY.public).scope.purpose == each
            assert render(PURPOSES[each], "en")


class TestSign:
    @pytest.mark.parametrize(
        "wrong",
        [
            grant(jti=""), grant(nonce="short"), grant(exp=1.5), grant(ctr=0), grant(aud="a/b"), grant(sub=b"x"),
            grant(ctr=2**53), grant(iss="\ud800"),
        ],
    )  # fmt: skip
    def test_what_no_terminal_would_read_is_not_signed(self, wrong: Grant) -> None:
        with pytest.raises(GrantRefused) as caught:
            sign(wrong, KEY)
        assert caught.value.code == "claims"

    def test_a_scope_that_cannot_be_is_not_signed(self) -> None:
        with pytest.raises(GrantRefused) as caught:
            sign(grant(scope=Scope(("*",), ("08",), 17, "case")), KEY)
        assert caught.value.code == "scope"

    def test_what_would_be_too_long_is_not_signed(self) -> None:
        long = "p" * 96
        ports = tuple(f"{long}-usbv2-0:{number}" for number in range(1, 33))
        with pytest.raises(GrantRefused) as caught:
            sign(grant(scope=Scope(ports, ("08",), 1, "case")), KEY)
        assert caught.value.code in ("size", "claims")
        many = Scope(tuple(f"pci-0000:00:14.0-usbv2-0:1.2.3.{number}" for number in range(1, 33)), ("08",), 16, "case")
        assert read(sign(grant(scope=many), KEY).encode(), KEY.public).scope == many


class TestRefusal:
    def test_is_one_of_our_errors_with_a_code_a_sentence_and_a_next_step(self) -> None:
        refused = refusal(b"noise")
        assert isinstance(refused, InputError)
        assert refused.exit_code == 2
        assert refused.what == CODES[refused.code]
        assert "Next:" in str(refused)

    def test_never_repeats_what_the_sender_wrote(self) -> None:
        for given in (
            token(claims(jti="evil\x1b[2J")),
            token(claims(evil=1)),
            signed(header("evil"), BODY),
            b"evil.e.e",
        ):
            assert "evil" not in str(refusal(given))

    def test_the_types_of_grant_and_revocation_differ(self) -> None:
        assert GRANT_TYPE != REVOKE_TYPE

    def test_another_site_with_the_same_words_has_another_key(self) -> None:
        fresh = SigningKey.generate()
        with pytest.raises(GrantRefused) as caught:
            read(token(claims()), fresh.public)
        assert caught.value.code == "signature"
