"""An identity: its key, its file and its text."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from jobwire.keys import identity
from jobwire.schemas.refusal import Code, Refused

keys = st.binary(min_size=32, max_size=32)
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


@given(keys)
def test_a_public_key_survives_being_written_and_read(key: bytes) -> None:
    text = identity.format_public(key)
    assert text.isprintable()
    assert text == text.lower()
    assert len(text) == 70
    assert identity.parse_public(f"  {text}\n") == key


@given(keys, st.data())
def test_one_wrong_character_is_always_noticed(key: bytes, data: st.DataObject) -> None:
    text = identity.format_public(key)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != text[place]))
    with pytest.raises(Refused) as refused:
        identity.parse_public("_" + text[:place] + other + text[place + 1 :])
    assert refused.value.code is Code.INVALID_ARGUMENT


@given(keys)
def test_each_single_digit_changed_is_noticed(key: bytes) -> None:
    text = identity.format_public(key)
    start = len("jobwire-key-")
    for place in range(start, len(text)):
        for digit in DIGITS:
            if digit != text[place]:
                with pytest.raises(Refused):
                    identity.parse_public(text[:place] + digit + text[place + 1 :])
        # Two places are enough for one key: hypothesis brings many.
        if place > start + 1:
            break


@given(keys, st.integers(0, 68))
def test_swapped_neighbours_are_noticed(key: bytes, place: int) -> None:
    text = identity.format_public(key)
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if swapped != text:
        with pytest.raises(Refused):
            identity.parse_public(swapped)


@given(keys, st.integers(0, 69))
def test_a_truncated_paste_is_noticed(key: bytes, length: int) -> None:
    with pytest.raises(Refused):
        identity.parse_public(identity.format_public(key)[:length])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        identity.parse_public(text)


def test_a_refused_key_says_what_is_wrong() -> None:
    text = identity.format_public(bytes(range(32)))
    for wrong, words in (
        (text[:-4], "is cut off: it has 66 characters instead of 70"),
        (text + "0", "is too long"),
        (text.replace("jobwire-", "age-"), "begins with 'jobwire-key-'"),
        (text[:20] + "u" + text[21:], "character 21 of the public key is 'u'"),
        (text[:-1] + ("0" if text[-1] != "0" else "1"), "its checksum does not match"),
    ):
        with pytest.raises(Refused, match=words):
            identity.parse_public(wrong)


def test_a_secret_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    me = identity.generate()
    identity.save(me, tmp_path / "identity")
    secret = (tmp_path / "identity").read_text().splitlines()[-1]
    with pytest.raises(Refused):
        identity.parse_public(secret.replace("secret", "key"))


def test_a_fingerprint_is_short_and_differs() -> None:
    one, other = identity.fingerprint(bytes(32)), identity.fingerprint(bytes(31) + b"\1")
    assert one != other
    assert [len(group) for group in one.split("-")] == [4] * 6


def test_what_is_signed_is_verified_by_libsodium() -> None:
    me = identity.generate()
    signature = me.sign(b"text")
    assert len(signature) == 64
    assert bindings.crypto_sign_open(signature + b"text", me.public) == b"text"


def test_the_curve_key_of_the_public_half_is_that_of_the_identity() -> None:
    me = identity.generate()
    assert identity.curve_public_of(me.public) == me.curve_public
    assert bindings.crypto_scalarmult_base(me.curve_secret) == me.curve_public


def test_secrets_are_not_in_the_repr() -> None:
    me = identity.generate()
    assert repr(me.seed) not in repr(me)
    assert repr(me.curve_secret) not in repr(me)


@pytest.mark.parametrize(
    "point",
    [
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
        b"\xff" * 32,
        b"short",
        b"",
    ],
)
def test_bytes_that_are_not_a_valid_point_are_refused(point: bytes) -> None:
    with pytest.raises(Refused) as refused:
        identity.curve_public_of(point)
    assert refused.value.code is Code.INVALID_ARGUMENT


@given(keys)
def test_any_32_bytes_are_converted_or_refused(key: bytes) -> None:
    with contextlib.suppress(Refused):
        assert len(identity.curve_public_of(key)) == 32


def test_a_file_is_private_in_private_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "identity"
    before = os.umask(0)
    try:
        me = identity.generate()
        identity.save(me, path)
    finally:
        os.umask(before)
    assert identity.load(path) == me
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["identity"]


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    first = identity.generate()
    identity.save(first, path)
    with pytest.raises(Refused) as refused:
        identity.save(identity.generate(), path)
    assert refused.value.code is Code.ALREADY_EXISTS
    assert identity.load(path) == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["identity"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_file_that_others_may_read_is_refused_with_the_command_to_type(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "my identity"
    identity.save(identity.generate(), path)
    path.chmod(mode)
    with pytest.raises(Refused) as refused:
        identity.load(path)
    assert refused.value.code is Code.FAILED_PRECONDITION
    assert refused.value.next_step == f"type: chmod 600 '{path}'"
    with pytest.raises(Refused):
        identity.load_or_make(path)


def test_a_missing_file_is_reported_as_missing(tmp_path: Path) -> None:
    for path in (tmp_path / "identity", tmp_path / "no" / "identity"):
        with pytest.raises(Refused, match="there is no identity") as refused:
            identity.load(path)
        assert refused.value.code is Code.NOT_FOUND
        assert "jobwire keys new" in refused.value.next_step


@pytest.mark.parametrize("content", [b"", b"# only\n", b"one\ntwo\n", b"\xff\xfe", b"jobwire-secret-0", b"x" * 10_000])
def test_a_damaged_file_is_reported_as_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Refused, match="is damaged") as refused:
        identity.load(path)
    assert refused.value.code is Code.FAILED_PRECONDITION
    assert refused.value.next_step


@pytest.mark.parametrize(
    ("encoding", "words"), [("utf-16", "this is UTF-16, not UTF-8"), ("utf-16-le", "this is UTF-16"), ("utf-32", "this is UTF-32")]
)
def test_a_file_in_another_encoding_is_damaged_in_these_words(tmp_path: Path, encoding: str, words: str) -> None:
    path = tmp_path / "identity"
    identity.save(identity.generate(), path)
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(Refused, match=f"is damaged: {words}"):
        identity.load(path)


def test_a_changed_character_in_the_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    identity.save(identity.generate(), path)
    text = path.read_text()
    path.write_text(text[:-10] + ("0" if text[-10] != "0" else "1") + text[-9:])
    with pytest.raises(Refused, match="checksum"):
        identity.load(path)


def test_a_folder_or_a_fifo_in_its_place_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(Refused, match="not a file"):
            identity.load(path)


def test_a_file_that_cannot_be_opened_or_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(Refused, match="points to itself") as refused:
        identity.load_or_make(tmp_path / "loop")
    assert refused.value.code is Code.FAILED_PRECONDITION
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be written"):
        identity.load_or_make(tmp_path / "file" / "identity")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be written"):
        identity.save(identity.generate(), tmp_path / "file" / "identity")


def test_ten_processes_at_once_end_up_with_one_identity(tmp_path: Path) -> None:
    path = tmp_path / "new" / "identity"
    program = (
        "import sys; from pathlib import Path; from jobwire.keys.identity import load_or_make\n"
        "print('ready', flush=True); sys.stdin.read(); print(load_or_make(Path(sys.argv[1])).public.hex())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        # All wait for the end of their input: closed one right after the other, they run into each other.
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        found = {process.communicate(timeout=60)[0] for process in processes}
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert found == {identity.load(path).public.hex() + "\n"}
    assert [entry.name for entry in path.parent.iterdir()] == ["identity"]


def test_loading_an_identity_imports_little() -> None:
    program = "import sys, jobwire.keys.identity; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"nacl.signing", "nacl.public", "zmq", "google.protobuf", "msgspec", "tomlkit"} & set(loaded)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b" \t\n"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"  \n\t\n" + text + b" \n",
        lambda text: b"\xef\xbb\xbf \r\n" + text.replace(b"\n", b" \r\n").rstrip(),
        lambda text: text.replace(b"jobwire-secret", b"  jobwire-secret").replace(b"# Its", b"  # Its"),
    ],
    ids=["a mark", "blanks", "CR LF", "lines of blanks", "all of it", "indented"],
)
def test_an_identity_that_an_editor_touched_is_read(tmp_path: Path, edit: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "identity"
    made = identity.generate()
    identity.save(made, path)
    path.write_bytes(edit(path.read_bytes()))
    assert identity.load(path) == made
