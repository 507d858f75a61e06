import contextlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.client.config import contexts, contexts_file
from jobwire.keys.identity import format_public, from_seed
from jobwire.schemas.refusal import Code, Refused

KEY = from_seed(bytes(32)).public


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config"
    monkeypatch.setenv("JOBWIRE_CONFIG", str(folder))
    monkeypatch.delenv("JOBWIRE_CONTEXT", raising=False)
    return folder


def write(config: Path, text: str) -> None:
    config.mkdir(exist_ok=True)
    (config / "contexts.toml").write_bytes(text.encode())


def test_without_a_file_the_embedded_worker_is_meant() -> None:
    assert contexts.current_name() == "embedded"
    assert contexts.list_contexts() == ()


def test_the_first_context_is_used_and_found_again(config: Path) -> None:
    assert contexts.add("lab", "lab.example.org:7341", KEY)
    assert contexts.resolve() == contexts.Context("lab", "tcp://lab.example.org:7341", KEY, config / "identity")


def test_a_second_one_is_used_only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.add("lab", "lab:1", KEY)
    assert not contexts.add("shed", "shed:1", KEY)
    assert contexts.resolve().name == "lab"
    assert contexts.resolve("shed").name == "shed"
    monkeypatch.setenv("JOBWIRE_CONTEXT", "shed")
    assert contexts.resolve().name == "shed"
    assert contexts.resolve("lab").name == "lab"
    monkeypatch.delenv("JOBWIRE_CONTEXT")
    contexts.use("shed")
    assert contexts.resolve().name == "shed"


def test_file_and_folder_are_private(config: Path) -> None:
    contexts.add("lab", "lab:1", KEY)
    assert stat.S_IMODE(config.stat().st_mode) == 0o700
    assert stat.S_IMODE((config / "contexts.toml").stat().st_mode) == 0o600


def test_comments_stay_when_the_file_is_changed(config: Path) -> None:
    write(config, f'# mine\n\n[contexts.lab] # the old one\nendpoint = "lab:1"\nkey = "{format_public(KEY)}"\n')
    contexts.add("shed", "shed:1", KEY)
    contexts.use("shed")
    text = (config / "contexts.toml").read_text()
    assert "# mine" in text
    assert "# the old one" in text
    assert [context.name for context in contexts.list_contexts()] == ["lab", "shed"]
    assert contexts.current_name() == "shed"


def test_after_the_one_in_use_was_removed_none_is_until_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts.add("lab", "lab:1", KEY)
    contexts.add("shed", "shed:1", KEY)
    assert contexts.remove("lab")
    assert contexts.current_name() == ""
    for call in (contexts.resolve, contexts.find):
        with pytest.raises(contexts.NoneInUse, match=r"no context is in use.*: shed, embedded"):
            call()
    assert contexts.resolve_running() is None
    assert contexts.resolve("shed").name == "shed"
    monkeypatch.setenv("JOBWIRE_CONTEXT", "shed")
    assert contexts.resolve().name == "shed"
    monkeypatch.delenv("JOBWIRE_CONTEXT")
    assert not contexts.add("yard", "yard:1", KEY)
    assert contexts.current_name() == ""
    contexts.use("embedded")
    assert contexts.find() is None
    assert not contexts.remove("shed")
    assert contexts.current_name() == "embedded"


def test_the_only_one_that_is_removed_and_added_again_is_in_use_again() -> None:
    contexts.add("lab", "lab:1", KEY)
    contexts.remove("lab")
    assert contexts.add("lab", "lab:2", KEY)
    assert contexts.resolve().endpoint == "tcp://lab:2"


def test_one_that_is_replaced_keeps_its_identity_its_place_and_whether_it_is_used(config: Path) -> None:
    write(config, f"current = 'lab'\n{GOOD}identity = 'other' # mine\n")
    contexts.add("shed", "shed:1", KEY)
    other = from_seed(b"o" * 32).public
    assert contexts.add("lab", "lab:2", other, replace=True)
    assert not contexts.add("shed", "shed:2", other, replace=True)
    assert contexts.resolve() == contexts.Context("lab", "tcp://lab:2", other, config / "other")
    assert [context.name for context in contexts.list_contexts()] == ["lab", "shed"]
    assert "# mine" in (config / "contexts.toml").read_text()
    with pytest.raises(Refused, match="--force"):
        contexts.add("lab", "lab:3", other)


def test_a_name_is_given_once_and_embedded_is_kept() -> None:
    contexts.add("lab", "lab:1", KEY)
    for name, code in (("lab", Code.ALREADY_EXISTS), ("embedded", Code.INVALID_ARGUMENT), ("a b", Code.INVALID_ARGUMENT)):
        with pytest.raises(Refused) as refused:
            contexts.add(name, "lab:1", KEY)
        assert refused.value.code is code


def test_an_unknown_name_is_refused_everywhere() -> None:
    for call in (contexts.resolve, contexts.use, contexts.remove):
        with pytest.raises(Refused, match="there is no context 'nowhere'"):
            call("nowhere")


def test_embedded_can_be_used_again() -> None:
    contexts.add("lab", "lab:1", KEY)
    contexts.use("embedded")
    assert contexts.current_name() == "embedded"


GOOD = f'[contexts.lab]\nendpoint = "lab:1"\nkey = "{format_public(KEY)}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "colour = 1\n", "line 4, key 'contexts.lab.colour': there is no key 'colour' here"),
        (GOOD.replace("lab:1", "lab"), "line 2, key 'contexts.lab.endpoint': 'lab' is not an endpoint"),
        (GOOD.replace("key-", "kay-"), "line 3, key 'contexts.lab.key': a public key begins with"),
        (GOOD.replace('"lab:1"', "1"), "line 2, key 'contexts.lab.endpoint': it is not text"),
        (GOOD.replace("key =", "# ="), "line 1, key 'contexts.lab': there is no 'key'"),
        (GOOD + "identity = '~nobody-here/i'\n", "line 4, key 'contexts.lab.identity': it names the home of a user who does not exist"),
        (f"current = 'lab'\n{GOOD}# \0\n", "line 5: it has a NUL byte"),
        ("current = 'shed'\n" + GOOD, "line 1, key 'current': there is no context 'shed'"),
        ("current = 1\n" + GOOD, "line 1, key 'current'"),
        ("current = 2024-01-01\n" + GOOD, "line 1, key 'current': it is not text"),
        (GOOD.replace("\n", "\r"), r"line 1: this is not TOML: Lines end with CR alone (tr '\r' '\n' converts them)"),
        (f"# mine\r{GOOD}", "line 1: this is not TOML: Lines end with CR alone"),
        (GOOD.replace("lab:1", "bücher:1"), "key 'contexts.lab.endpoint': 'bücher:1' has a host name with letters beyond ASCII"),
        ("contexts = 1\n", "line 1, key 'contexts': this is not a table"),
        ("\nothers = 1\n", "line 2, key 'others': there is no such key"),
        ("[contexts.embedded]\n", "line 1, key 'contexts.embedded'"),
        ("x = ", "is not TOML"),
    ],
)
def test_a_broken_file_is_refused_with_line_and_key_and_left_alone(config: Path, text: str, message: str) -> None:
    write(config, text)
    for call in (contexts.resolve, contexts.list_contexts, lambda: contexts.use("embedded")):
        with pytest.raises(Refused) as refused:
            call()
        assert message in str(refused.value)
    assert (config / "contexts.toml").read_bytes().decode() == text


def test_a_context_may_have_an_identity_of_its_own(config: Path) -> None:
    write(config, GOOD + "identity = 'other'\n")
    assert contexts.resolve("lab").identity_path == config / "other"


def test_contexts_added_at_once_are_all_kept() -> None:
    names = [f"c{number}" for number in range(12)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: contexts.add(name, "lab:1", KEY), names))
    assert sorted(context.name for context in contexts.list_contexts()) == sorted(names)
    assert contexts.current_name() in names


PIECES = [
    "[",
    "]",
    "[contexts.lab]\n",
    "[[contexts]]\n",
    "current",
    "endpoint",
    "key",
    "identity",
    " = ",
    "'lab:1'",
    '"',
    "'",
    "\n",
    "1",
    "nan",
    "{",
    "}",
    ".",
    ",",
]
PIECES += [f"'{format_public(KEY)}'", "1979-05-27", "~", "'~nobody/x'", "'~no-such-user/x'", "'\\0'", "\\u0000"]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_any_contexts_are_understood_or_refused_with_their_line(pieces: list[str]) -> None:
    with contextlib.suppress(Refused):
        contexts_file.understand("".join(pieces), Path("/home/laptop/contexts.toml"))


@given(st.sampled_from(["endpoint", "key", "identity"]), st.sampled_from(PIECES))
def test_any_value_in_a_context_is_understood_or_refused(key: str, value: str) -> None:
    said = {"endpoint": "'lab:1'", "key": f"'{format_public(KEY)}'"} | {key: value}
    text = "[contexts.lab]\n" + "".join(f"{name} = {one}\n" for name, one in said.items())
    with contextlib.suppress(Refused):
        contexts_file.understand(text, Path("/home/laptop/contexts.toml"))


def test_contexts_that_are_a_link_are_written_through_it(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "contexts.toml"
    target.parent.mkdir()
    config.mkdir()
    (config / "contexts.toml").symlink_to("../dotfiles/contexts.toml")
    contexts.add("lab", "lab.example.org:7341", KEY)
    contexts.use("lab")
    assert (config / "contexts.toml").is_symlink()
    assert "lab.example.org" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    # Identities lie beside the link, where this user's files are.
    assert contexts.resolve().identity_path == config / "identity"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b" \t\n"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b" \n\t\n" + text,
    ],
    ids=["a mark", "blanks", "CR LF", "lines of blanks"],
)
def test_contexts_that_an_editor_touched_are_read_and_edited(config: Path, edit: Callable[[bytes], bytes]) -> None:
    contexts.add("lab", "lab.example.org:7341", KEY)
    path = config / "contexts.toml"
    path.write_bytes(edit(b"# caf\xc3\xa9 \n" + path.read_bytes()))
    contexts.add("other", "other.example.org:7341", KEY)
    assert [context.name for context in contexts.list_contexts()] == ["lab", "other"]
    assert b"# caf\xc3\xa9" in path.read_bytes()


def test_contexts_that_are_not_a_small_file_are_refused_at_once(config: Path) -> None:
    config.mkdir()
    os.mkfifo(config / "contexts.toml", 0o600)
    with pytest.raises(Refused, match="is a pipe, not a file; move it away: mv "):
        contexts.list_contexts()
    (config / "contexts.toml").unlink()
    with (config / "contexts.toml").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(Refused, match="has more than 1048576 bytes"):
        contexts.list_contexts()
