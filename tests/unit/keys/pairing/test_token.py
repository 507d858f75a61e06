import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobwire.keys.identity import generate
from jobwire.keys.pairing import possession, token
from jobwire.keys.pairing.token import Token
from jobwire.schemas.refusal import Code, Refused

SEED = bytes(range(32))
TOKEN = Token("tcp://lab.example.org:7341", b"\x07" * 32, SEED, "submitter", "lab")
WRITTEN = token.write(TOKEN)


@given(
    st.builds(
        Token,
        st.sampled_from(["tcp://a:1", "tcp://[fe80::1]:7341", "tcp://" + "long." * 30 + "org:65535"]),
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=32, max_size=32),
        st.sampled_from(["viewer", "submitter", "operator", "admin", "worker"]),
        st.text(max_size=20),
        st.integers(0, 1 << 20),
        st.lists(st.text(max_size=20), max_size=5).map(tuple),
    )
)
def test_what_was_written_is_read(given_token: Token) -> None:
    assert token.read(token.write(given_token)) == given_token


def test_white_space_within_it_is_ignored_as_a_mail_may_have_wrapped_it() -> None:
    assert token.read(f"  {WRITTEN[:60]}\n    {WRITTEN[60:100]}\r\n{WRITTEN[100:]} \n") == TOKEN


@given(st.integers(0, len(WRITTEN) - 1))
def test_a_token_that_is_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(Refused) as refused:
        token.read(WRITTEN[:length])
    assert refused.value.code is Code.INVALID_ARGUMENT
    if length > len(token.PREFIX):
        assert "is cut off" in refused.value.message


@given(st.integers(0, len(WRITTEN) - 1), st.characters(codec="ascii").filter(lambda one: not one.isspace()))
def test_no_changed_character_passes(place: int, character: str) -> None:
    changed = WRITTEN[:place] + character + WRITTEN[place + 1 :]
    if changed != WRITTEN:
        with pytest.raises(Refused) as refused:
            token.read(changed)
        assert refused.value.next_step


@given(st.text(max_size=300))
def test_any_other_text_is_refused(text: str) -> None:
    for tried in (text, token.PREFIX + text):
        with pytest.raises(Refused):
            token.read(tried)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (Token("tcp://lab:1", b"\x07" * 31, SEED, "submitter"), "another version"),
        (Token("tcp://lab:1", b"\x07" * 32, SEED, "pairing"), "another version"),
        (Token("tcp://0.0.0.0:1", b"\x07" * 32, SEED, "submitter"), "no endpoint"),
    ],
)
def test_a_token_that_says_nonsense_is_refused(changed: Token, words: str) -> None:
    with pytest.raises(Refused, match=words):
        token.read(token.write(changed))


def test_the_seed_is_not_shown() -> None:
    assert str(SEED) not in repr(TOKEN)


def test_only_who_has_the_secret_key_can_leave_it() -> None:
    own, temporary, daemon = generate(), generate(), generate()
    proof = possession.prove(own, daemon.public, temporary.public)
    possession.check(own.public, proof, daemon.public, temporary.public)
    for key, signed, to, by in (
        (own.public, possession.prove(temporary, daemon.public, temporary.public), daemon.public, temporary.public),
        (own.public, proof, generate().public, temporary.public),
        (own.public, proof, daemon.public, generate().public),
        (own.public, proof[:-1], daemon.public, temporary.public),
        (own.public, b"", daemon.public, temporary.public),
        (generate().public, proof, daemon.public, temporary.public),
    ):
        with pytest.raises(Refused) as refused:
            possession.check(key, signed, to, by)
        assert refused.value.code is Code.UNAUTHENTICATED
    with pytest.raises(Refused, match="has 32 bytes"):
        possession.check(b"short", proof, daemon.public, temporary.public)
