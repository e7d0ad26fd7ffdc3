"""Signed notes and keys: other people's notes open, damaged ones never do."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import notes
from policies.errors import ConfigError, InputError
from policies.keys import PublicKey, SigningKey

KEY = SigningKey(bytes(range(32)))
NAMED = notes.NamedKey("浦东一号", KEY.public)
CHECKPOINT = notes.Checkpoint("浦东一号", 7, bytes(range(32)))
NOTE = notes.sign_note(CHECKPOINT.text(), "浦东一号", KEY)
# The example of golang.org/x/mod/sumdb/note: key, text and signature by somebody else's code.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_signed_by_another_implementation_opens() -> None:
    name, raw = notes.named_key(GO_VKEY)
    key = notes.NamedKey(name, PublicKey(raw))
    assert str(key) == GO_VKEY
    text, signed_by = notes.open_note(GO_NOTE, [key])
    assert text.startswith("If you think")
    assert signed_by == ("PeterNeumann",)


def test_a_checkpoint_has_the_published_form_and_comes_back() -> None:
    assert CHECKPOINT.text() == f"浦东一号\n7\n{base64.b64encode(bytes(range(32))).decode()}\n"
    assert notes.open_checkpoint(NOTE, NAMED) == CHECKPOINT


def test_signatures_of_unknown_keys_are_skipped_and_extension_lines_allowed() -> None:
    other = SigningKey.generate()
    text = CHECKPOINT.text() + "an extension line\n"
    theirs = notes.sign_note(text, "witness", other).rsplit("\n\n", 1)[1]
    note = notes.sign_note(text, "浦东一号", KEY) + theirs
    assert notes.open_checkpoint(note, NAMED) == CHECKPOINT
    assert notes.open_note(note, [NAMED, notes.NamedKey("witness", other.public)])[1] == ("浦东一号", "witness")


def test_a_key_of_the_same_name_but_other_bytes_does_not_open_it() -> None:
    with pytest.raises(InputError, match="no known key"):
        notes.open_checkpoint(NOTE, notes.NamedKey("浦东一号", SigningKey.generate().public))


@given(st.integers(0, len(NOTE) - 1), st.characters(exclude_categories=["Cs"]))
def test_one_changed_character_never_opens(position: int, char: str) -> None:
    damaged = NOTE[:position] + char + NOTE[position + 1 :]
    if damaged == NOTE:
        return
    with pytest.raises(InputError):
        notes.open_checkpoint(damaged, NAMED)


@given(st.text(max_size=80))
def test_noise_raises_the_one_error(noise: Any) -> None:
    for text in (noise, noise + "\n\n— a " + noise + "\n"):
        with pytest.raises(InputError):
            notes.open_note(text, [NAMED])
        with pytest.raises(InputError):
            notes.named_key(text)


@pytest.mark.parametrize(
    "text", ["", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "\n1\nAAAA\n", "a\n1\nAAAA\n", "a\n1\nx"]
)
def test_texts_that_are_no_checkpoint_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        notes.parse_checkpoint(text)


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "\x7f\n", "\ud800\n"])
def test_texts_that_are_no_note_are_not_signed(text: str) -> None:
    with pytest.raises(InputError):
        notes.sign_note(text, "a", KEY)


def test_names_that_the_format_forbids_are_changed_or_refused() -> None:
    assert notes.key_name("Site A + B") == "Site-A-B"
    with pytest.raises(InputError):
        notes.sign_note("x\n", "a b", KEY)
    with pytest.raises(InputError):
        notes.key_name("  ")
    with pytest.raises(InputError):
        notes.Checkpoint("a\nb", 1, bytes(32)).text()


def test_too_long_or_too_often_signed_notes_are_refused() -> None:
    with pytest.raises(InputError, match="too long"):
        notes.split_note("x" * 1_000_001)
    line = NOTE.rsplit("\n\n", 1)[1]
    with pytest.raises(InputError):
        notes.split_note(NOTE + line * 100)


def test_keys_survive_pem_and_keep_to_themselves() -> None:
    again = SigningKey.from_pem(KEY.to_pem())
    assert again.public == KEY.public == PublicKey.from_pem(KEY.public.to_pem())
    assert hash(again.public) == hash(KEY.public)
    assert again.public != SigningKey.generate().public
    seed = bytes(range(32)).hex()
    assert (
        seed not in repr(KEY)
        and KEY.public.fingerprint[:16] in repr(KEY)
        and KEY.public.fingerprint[:16] in repr(KEY.public)
    )
    # RFC 8032, 7.1, test 1: the empty message.
    vector = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert vector.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert vector.sign(b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")


@pytest.mark.parametrize("pem", [b"", b"no pem", KEY.public.to_pem()])
def test_what_is_no_private_key_is_refused_with_its_place(pem: bytes) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.key"):
        SigningKey.from_pem(pem, "keys/ledger.key")


@pytest.mark.parametrize("pem", [b"", b"no pem", KEY.to_pem()])
def test_what_is_no_public_key_is_refused_with_its_place(pem: bytes) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.pub"):
        PublicKey.from_pem(pem, "keys/ledger.pub")


def test_keys_of_the_wrong_length_or_kind_are_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    for make in (SigningKey, PublicKey):
        with pytest.raises(ConfigError):
            make(b"short")
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ConfigError):
        SigningKey.from_pem(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError):
        PublicKey.from_pem(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
