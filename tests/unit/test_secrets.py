"""Secrets: references resolve or say what to do, and a secret shows itself nowhere."""

import base64
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.secrets.box import get_secret, list_secrets, remove_secret, set_secret
from controller.secrets.files import create_private, read_private, write_private
from controller.secrets.resolve import resolve
from controller.secrets.value import Secret
from policies.errors import ConfigError, InputError, NotFound, StorageFailed


def private(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_secret_shows_itself_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    with caplog.at_level(logging.INFO):
        logging.getLogger("portseal.test").info("%s %r", secret, [secret])
    shown = f"{secret} {secret!r} {secret:>9} {[secret]} {caplog.text}"
    assert "hunter2" not in shown
    assert (
        secret.reveal() == "hunter2" and secret == Secret("hunter2") and secret != Secret("x") and secret != "hunter2"
    )
    assert secret and not Secret("") and len({secret, Secret("hunter2")}) == 1
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_a_variable_of_the_environment_resolves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTSEAL_TEST", "hunter2")
    assert resolve("env:PORTSEAL_TEST", tmp_path).reveal() == "hunter2"
    with pytest.raises(ConfigError, match=r"switches\.sw1\.password: the environment variable NOPE is not set"):
        resolve("env:NOPE", tmp_path, where="switches.sw1.password", environment={})


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_private_file_resolves_relative_to_the_site_without_its_last_newline(tmp_path: Path, ending: str) -> None:
    private(tmp_path / "pw", f"hunter 2 {ending}")
    assert resolve("file:pw", tmp_path).reveal() == "hunter 2 "
    assert resolve(f"file:{tmp_path}/pw", tmp_path / "elsewhere").reveal() == "hunter 2 "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_a_file_that_others_can_touch_is_refused_with_the_command(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "pw", "hunter2")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"key: .*chmod 600 {path}") as caught:
        resolve("file:pw", tmp_path, where="key")
    assert "hunter2" not in str(caught.value)


def test_what_is_no_secret_file_is_refused_and_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    private(tmp_path / "empty", "\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "binary").chmod(0o600)
    private(tmp_path / "large", "x" * 70_000)
    for name in ("fifo", ".", "missing", "empty", "binary", "large"):
        with pytest.raises(ConfigError, match="key"):
            resolve(f"file:{name}", tmp_path, where="key")


@given(st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_password_in_clear_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(f"Zq9{text}", tmp_path, where="switches.sw1.password")
    assert "Zq9" not in str(caught.value) and "env:NAME" in str(caught.value)


@pytest.mark.parametrize("reference", ["env:", "env:a b", "file:", "file:\x00", "", "ENV:X", "secret"])
def test_references_without_sense_are_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(ConfigError, match="never in clear"):
        resolve(reference, tmp_path)


def test_secrets_are_kept_encrypted_listed_and_removed(tmp_path: Path) -> None:
    assert list_secrets(tmp_path) == ()
    set_secret(tmp_path, "sw1.password", "hunter2")
    set_secret(tmp_path, "community", "пароль 口令")
    set_secret(tmp_path, "sw1.password", "hunter3")
    assert list_secrets(tmp_path) == ("community", "sw1.password")
    assert resolve("secret:sw1.password", tmp_path).reveal() == "hunter3"
    assert get_secret(tmp_path, "community").reveal() == "пароль 口令"
    stored = (tmp_path / "secrets.json").read_text(encoding="utf-8")
    assert "hunter" not in stored and "community" not in stored
    for name in ("secrets.json", "keys/secrets.key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    remove_secret(tmp_path, "community")
    with pytest.raises(NotFound, match="community"):
        remove_secret(tmp_path, "community")
    with pytest.raises(ConfigError, match=r"key: .*portseal secret set"):
        resolve("secret:community", tmp_path, where="key")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "-x", "密码"])
def test_names_outside_the_grammar_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        set_secret(tmp_path, name, "x")


@pytest.mark.parametrize("value", ["", "x" * 5000, "a\x00b"])
def test_values_that_cannot_be_secrets_are_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError) as caught:
        set_secret(tmp_path, "a", value)
    assert "xxxx" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.data())
def test_one_flipped_bit_in_the_box_or_the_key_is_told(tmp_path: Path, data: st.DataObject) -> None:
    set_secret(tmp_path, "a", "hunter2")
    path, key = tmp_path / "secrets.json", tmp_path / "keys/secrets.key"
    before, key_before = path.read_bytes(), key.read_bytes()
    box = json.loads(before)
    part = data.draw(st.sampled_from(["nonce", "box", "key"]))
    raw = bytearray(key_before if part == "key" else base64.b64decode(box[part]))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    if part == "key":
        key.write_bytes(raw)
    else:
        path.write_text(json.dumps(box | {part: base64.b64encode(raw).decode()}), encoding="utf-8")
    try:
        with pytest.raises(ConfigError, match="changed or damaged"):
            get_secret(tmp_path, "a")
    finally:
        path.write_bytes(before)
        key.write_bytes(key_before)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"v":1,"nonce":1,"box":""}', "x", '{"v":1,"nonce":"","box":""}'])
def test_noise_in_place_of_the_store_is_told(tmp_path: Path, content: Any) -> None:
    set_secret(tmp_path, "a", "x")
    private(tmp_path / "secrets.json", content)
    with pytest.raises(ConfigError, match="changed or damaged"):
        list_secrets(tmp_path)
    with pytest.raises(ConfigError):
        set_secret(tmp_path, "b", "y")


def test_a_short_key_and_a_lost_key_are_told(tmp_path: Path) -> None:
    set_secret(tmp_path, "a", "x")
    private(tmp_path / "keys/secrets.key", "short")
    with pytest.raises(ConfigError, match="key of the secret store is damaged"):
        list_secrets(tmp_path)
    (tmp_path / "keys/secrets.key").unlink()
    with pytest.raises(ConfigError, match=r"secrets\.key"):
        list_secrets(tmp_path)


def test_processes_that_keep_secrets_at_once_lose_none(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from controller.secrets.box import set_secret\n"
        "for n in range(10): set_secret(Path(sys.argv[1]), f'{sys.argv[2]}{n}', 'x')"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "ab"]
    assert [process.wait() for process in both] == [0, 0]
    assert len(list_secrets(tmp_path)) == 20


def test_a_private_file_is_replaced_whole_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "k"
    assert create_private_in(tmp_path, b"first")
    assert not create_private(path, b"second")
    assert read_private(path) == b"first"
    write_private(path, b"third")
    assert read_private(path) == b"third"
    assert sorted(item.name for item in path.parent.iterdir()) == ["k"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageFailed, match="folder"):
        write_private(tmp_path / "folder", b"x")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_private(tmp_path / "file" / "below", b"x")
    with pytest.raises(StorageFailed, match="cannot be written"):
        set_secret(tmp_path / "nowhere", "a", "x")


def create_private_in(folder: Path, content: Any) -> bool:
    return create_private(folder / "keys" / "k", content)
