"""Private parts of libraries: each is used in one file, is as that file expects, and is still needed."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import typer
from nacl import bindings

from jobwire.keys import c_sodium
from jobwire.schemas.private_parts import c_json
from jobwire.schemas.text import msgspec_errors, toml_text
from jobwire.schemas.text.msgspec_errors import Mistake, Wrong

ROOT = Path(__file__).resolve().parents[2]
STOREYS = ("broker", "client", "keys", "schemas", "worker")
# Private module: the only file that may import it.
HOLDERS = {
    "_blake2": "schemas/private_parts/c_blake2.py",
    "_json": "schemas/private_parts/c_json.py",
    "_sha2": "schemas/private_parts/c_sha2.py",
    "_sha256": "schemas/private_parts/c_sha2.py",
    "_ctypes": "worker/keeper/c_prctl.py",
    "_signal": "schemas/private_parts/c_signal.py",
    "_socket": "keys/c_socket.py",
    "_thread": "keys/sockets.py",
    "google._upb": "schemas/private_parts/bare_protobuf.py",
    "nacl._sodium": "keys/c_sodium.py",
}
SHA2 = "_sha2" if sys.version_info >= (3, 12) else "_sha256"
# What is read out of the messages of a library, where it offers no other way, stands in these.
READERS = ("schemas/text/msgspec_errors.py", "schemas/text/toml_text.py", "client/cli/parser/typer_parts.py")
# How asyncio is loaded without OpenSSL, and msgspec without typing_extensions.
IMPORTS = "worker/own_process/light_imports.py"
# What an answer to Tab does without.
TAB = "client/cli/completion/light_imports.py"
# How protobuf is loaded without its implementation in Python.
PROTOBUF = "schemas/private_parts/protobuf_in_c.py"
# For type checkers, never imported; and no module at all.
NO_PARTS = {"__future__", "_typeshed"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for storey in STOREYS:
        for file in sorted((ROOT / storey).rglob("*.py")):
            if "generated" not in file.parts:
                yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{one.name}" for one in names)
            case _:
                pass


def private_imports(tree: ast.Module) -> set[str]:
    found = set()
    for name in imported_names(tree):
        steps = name.split(".")
        private = next((at for at, step in enumerate(steps) if step.startswith("_") and step not in NO_PARTS), None)
        if private is not None and steps[0] not in NO_PARTS:
            found.add(".".join(steps[: private + 1]))
    return found


def test_each_private_module_is_imported_in_one_file() -> None:
    found = {(private, file) for file, tree in modules() for private in private_imports(tree)}
    assert found == set(HOLDERS.items())


def test_an_import_of_a_private_module_is_seen_wherever_it_stands() -> None:
    lines = ("import _a", "from b._c import d", "def f():", "    from e import _f", "from __future__ import x", "from ._ours import g")
    tree = ast.parse("\n".join(lines))
    assert private_imports(tree) == {"_a", "b._c", "e._f"}


def used_of(module: str, holder: str) -> set[str]:
    """Name what is used of a C part: the attributes of `module` in all files that have it from the holder."""
    used = set()
    ending = Path(holder).stem
    for _, tree in modules():
        names = {
            one.asname or one.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[-1] == ending
            for one in node.names
            if one.name == module
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
                used.add(node.attr)
    return used


@pytest.mark.parametrize(("public", "private"), [(signal, "_signal"), (socket, "_socket")])
def test_a_c_part_has_what_is_used_of_it(public: object, private: str) -> None:
    name = private.removeprefix("_")
    used = used_of(name, HOLDERS[private])
    assert used
    part = import_module(private)
    for what in used:
        assert hasattr(public, what)
        found = getattr(part, what)
        if isinstance(found, int):
            assert found == getattr(public, what)
        else:
            assert callable(found)


def loaded_by(statement: str, *options: str) -> set[str]:
    """Run a statement in an interpreter, a bare one if no options are given; name the modules that it loads."""
    program = f"import sys; before = set(sys.modules); {statement}; print(*set(sys.modules) - before)"
    return set(
        subprocess.run(
            [sys.executable, *(options or ("-I", "-S")), "-c", program], capture_output=True, check=True, text=True
        ).stdout.split()
    )


@pytest.mark.parametrize(
    ("public", "private", "burden"),
    [
        ("signal", "_signal", "enum"),
        ("socket", "_socket", "selectors"),
        ("hashlib", "_blake2", "_hashlib"),
        ("hashlib", SHA2, "_hashlib"),
        ("ctypes", "_ctypes", "struct"),
        ("json", "_json", "re"),
    ],
)
def test_a_c_part_is_needed_as_the_public_module_loads_more(public: str, private: str, burden: str) -> None:
    assert burden in loaded_by(f"import {public}"), f"{public} is light now: remove {HOLDERS[private]} and import {public}"
    assert burden not in loaded_by(f"import {private}"), f"{private} is no longer light: {HOLDERS[private]} is of no use"


def test_the_socket_of_the_c_part_still_has_no_public_accept() -> None:
    part = import_module("_socket").socket
    assert not hasattr(part, "accept"), f"use it in {HOLDERS['_socket']}"
    assert callable(part._accept)


def test_the_hash_of_the_c_part_is_that_of_hashlib() -> None:
    ours = import_module("_blake2").blake2b
    for data in (b"", b"job", bytes(range(256))):
        assert ours(data, digest_size=7, key=b"state").digest() == hashlib.blake2b(data, digest_size=7, key=b"state").digest()
        assert import_module(SHA2).sha256(data).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("text", ['{"a": [1, -2.5e3, "\\u00e9x", true, null]}', "[]", '"', "{", "nul", "[1,]", "7", "NaN", "1e999", '"\n"'])
def test_the_c_part_of_json_reads_what_the_public_module_does(text: str) -> None:
    def read(decode: Callable[[str, int], tuple[object, int]]) -> object:
        try:
            return decode(text, 0)
        except (ValueError, StopIteration):
            return "wrong"

    public = json.JSONDecoder(parse_float=float, parse_constant=str).raw_decode
    assert repr(read(c_json.scanner(float, str))) == repr(read(public))  # type: ignore[arg-type] # reason: to see what it was called with


LIGHT, HEAVY = "jobwire.schemas.private_parts.light_typing", "typing"
A_CLASS = """
class Point(NamedTuple):
    'A point.'
    x: int
    y: int = 2
    def sum(self) -> int:
        return self.x + self.y
    @property
    def far(self) -> bool:
        return self.sum() > 9

class Far(Point):
    pass
"""


def test_the_light_named_tuple_makes_the_classes_of_typing() -> None:
    made = []
    for module in (LIGHT, HEAVY):
        known = {"NamedTuple": import_module(module).NamedTuple, "__name__": __name__}
        exec(A_CLASS, known)
        made.append((known["Point"], known["Far"]))
    for light, heavy in zip(*made, strict=True):
        for what in ("_fields", "_field_defaults", "__match_args__", "__doc__", "__module__", "__qualname__"):
            assert getattr(light, what) == getattr(heavy, what), what
        assert repr(light(1)) == repr(heavy(1))
        assert (light(1).sum(), light(8).far, light(1)._replace(y=5), light(1)) == (3, True, (1, 5), (1, 2))
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
            light()
    assert (made[0][0].__bases__, made[0][1].__bases__) == ((tuple,), (made[0][0],))


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="it is light in later versions than the oldest one that jobwire supports")
def test_typing_is_not_light_yet() -> None:
    assert {"re", "contextlib"} <= loaded_by("import typing"), f"typing is light now: remove {LIGHT}"


def test_what_libraries_import_in_vain_is_not_loaded_as_long_as_they_would() -> None:
    vain = {"asyncio": "ssl", "msgspec": "typing_extensions", "urllib.parse": "ipaddress", "zmq": "random"}
    for library, what in vain.items():
        assert what in loaded_by(f"import {library}", "-I"), f"{library} is light now: remove {what} from {IMPORTS}"
    ours = "from jobwire.worker.own_process import light_imports; light_imports.load(); import urllib.parse, zmq"
    real = "from types import ModuleType; print(*(name for name, one in sys.modules.items() if type(one) is ModuleType)); sys.exit()"
    loaded = loaded_by(f"{ours}; {real}", "-I")
    assert {"asyncio", "msgspec", "zmq"} <= loaded
    assert not loaded & {"ssl", "typing_extensions", "ipaddress", "calendar", "locale", "random"}


@pytest.mark.parametrize(
    "use",
    [
        "import ssl; ssl.create_default_context",
        "import typing_extensions as t; t.Protocol",
        "import ipaddress; assert ipaddress.ip_address('::1').is_loopback",
        "from random import Random; Random(1).random()",
        "from urllib.parse import urlsplit; assert urlsplit('http://[::1]/').hostname == '::1'",
        "import locale; assert locale.getlocale",
    ],
)
def test_who_uses_later_what_was_not_loaded_gets_it(use: str) -> None:
    assert loaded_by(f"from jobwire.worker.own_process import light_imports; light_imports.load(); {use}", "-I")


def test_what_a_tab_does_not_load_is_loaded_by_libraries_by_themselves() -> None:
    spared = {"fnmatch", "ntpath", "re", "urllib.parse"}
    if sys.version_info >= (3, 12):
        # Later versions of pathlib use some of them while they are imported, and no longer import others. It goes with Python 3.11.
        spared = {"ntpath", "urllib.parse"}
    else:
        for what in spared:
            assert what in loaded_by("import pathlib", "-I"), f"pathlib is light now: remove {what} from {TAB}"
    program = "from jobwire.client.cli.completion.light_imports import spare; spare(); import pathlib;"
    real = "from types import ModuleType; print(*(name for name, one in sys.modules.items() if type(one) is ModuleType)); sys.exit()"
    assert not loaded_by(f"{program} {real}", "-I") & (spared | {"shlex"})
    assert "re" in loaded_by(f"{program} import re; assert re.fullmatch('a+', 'aa'); from re import sub; sub('a', 'b', 'a')", "-I")
    assert "shlex" in loaded_by(f"{program} import shlex; assert shlex.split('a b') == ['a', 'b']", "-I")
    assert "ipaddress" in loaded_by(f"{program} from urllib.parse import urlsplit; assert urlsplit('a://b').hostname == 'b'", "-I")


def test_prctl_has_the_effect_of_that_of_ctypes() -> None:
    program = """
import ctypes
from jobwire.worker.keeper.c_prctl import prctl
is_set = ctypes.c_int()
for value in (1, 0):
    assert prctl(36, value) == 0
    assert ctypes.CDLL(None).prctl(37, ctypes.byref(is_set), 0, 0, 0) == 0
    assert is_set.value == value
assert prctl(-1, 0) == -1
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_protobuf_is_kept_from_loading_what_it_does_not_use_as_long_as_it_would() -> None:
    assert "google.protobuf.text_format" in loaded_by("import google.protobuf.descriptor_pool", "-I"), (
        f"protobuf is light now: remove {PROTOBUF}"
    )
    ours = "from jobwire.schemas.generated.request_pb2 import Request as R; r = R(id=7); assert R.FromString(r.SerializeToString()) == r"
    loaded = loaded_by(ours, "-I")
    assert "google._upb._message" in loaded
    assert "google.protobuf.text_format" not in loaded
    used = f"{ours}; from google.protobuf.internal import python_message as p; p.GeneratedProtocolMessageType"
    assert "google.protobuf.text_format" in loaded_by(used, "-I"), "who needs it later does not get it"


EVERY_FIELD = """
from google.protobuf.descriptor import FieldDescriptor as F
def fill(message, depth=0):
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and depth < 4:
            fill(getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name), depth + 1)
        elif field.message_type is None:
            value = field.enum_type.values[-1].number if field.enum_type else 1
            value = {F.CPPTYPE_STRING: b"x" if field.type == F.TYPE_BYTES else "x", F.CPPTYPE_BOOL: True}.get(field.cpp_type, value)
            getattr(message, field.name).append(value) if field.is_repeated else setattr(message, field.name, value)
    return message
"""


def test_messages_of_the_bare_protobuf_are_those_of_others() -> None:
    ours = "from jobwire.schemas.private_parts import bare_protobuf; bare_protobuf.use();"
    program = """
import hashlib
from jobwire.schemas.generated import event_pb2, job_pb2, request_pb2
for module in (job_pb2, request_pb2):
    print(*sorted(name for name in vars(module) if name.isupper() and name[0] not in "_D"))
page = request_pb2.ListReply.FromString(request_pb2.ListReply(jobs=[{"spec": {"name": "x"}}]).SerializeToString())
print(isinstance(page.jobs[0], job_pb2.Job), page.jobs[0].spec.name, page, hasattr(job_pb2, "Nothing"))
for module in (job_pb2, request_pb2):
    print([getattr(module, name).DESCRIPTOR.full_name for name in module.DESCRIPTOR.message_types_by_name])
said = [fill(module(), 0).SerializeToString(deterministic=True) for module in (request_pb2.Request, request_pb2.Reply, job_pb2.Job)]
print(*(hashlib.sha256(one).hexdigest() for one in said))
request = request_pb2.Request.FromString(said[0])
print(request.WhichOneof("verb"), type(request.list) is request_pb2.List, job_pb2.State.Name(job_pb2.STATE_QUEUED))
"""
    bare, full = (
        subprocess.run([sys.executable, "-c", start + EVERY_FIELD + program], capture_output=True, check=True, text=True).stdout
        for start in (ours, "")
    )
    assert bare == full


def test_the_bare_protobuf_is_needed_as_the_other_loads_more_and_does_nothing_once_that_is_loaded() -> None:
    load, use = "from jobwire.schemas.generated import request_pb2", "from jobwire.schemas.private_parts import bare_protobuf as b; b.use()"
    burden = {"typing", "datetime", "threading"}
    assert burden <= loaded_by(load, "-I"), "protobuf is light now: remove schemas/private_parts/bare_protobuf.py"
    assert not burden & loaded_by(f"{use}; {load}", "-I")
    times = "from google.protobuf.timestamp_pb2 import Timestamp as T; assert T(seconds=7).ToMilliseconds() == 7000"
    assert loaded_by(f"{load}; {use}; {times}", "-I")


def test_the_c_part_of_pynacl_is_needed_as_the_public_module_loads_more() -> None:
    assert "typing" in loaded_by("from nacl import bindings", "-I"), "PyNaCl is light now: remove keys/c_sodium.py"
    assert "typing" not in loaded_by("from nacl import _sodium", "-I"), "it is no longer light: keys/c_sodium.py is of no use"


def test_the_c_part_of_pynacl_computes_what_the_public_module_does() -> None:
    seed, other, nonce = bytes(range(32)), bytes(range(1, 33)), bytes(range(24))
    public, secret = bindings.crypto_sign_seed_keypair(seed)
    curve = bindings.crypto_sign_ed25519_pk_to_curve25519(public), bindings.crypto_sign_ed25519_sk_to_curve25519(secret)
    assert c_sodium.public_of_seed(seed) == public
    assert (c_sodium.curve_public_of(public), c_sodium.curve_secret_of(seed)) == curve
    for data in (b"", b"job", bytes(100_000)):
        assert c_sodium.sign(data, seed, public) == bindings.crypto_sign(data, secret)[:64]
        theirs, own = c_sodium.new_curve_keys()
        sealed = c_sodium.Box(curve[0], own).seal(data, nonce)
        assert sealed == bindings.crypto_box(data, nonce, curve[0], own)
        assert c_sodium.Box(theirs, curve[1]).open(sealed, nonce) == data
        for broken in (sealed[:-1], sealed + b"x", bytes([sealed[0] ^ 1]) + sealed[1:], b""):
            with pytest.raises(c_sodium.ForgedError):
                c_sodium.Box(theirs, curve[1]).open(broken, nonce)
    for no_key in (bytes(32), b"\x01" + bytes(31)):
        with pytest.raises(c_sodium.NotAKeyError):
            c_sodium.curve_public_of(no_key)
    with pytest.raises(c_sodium.NotAKeyError):
        c_sodium.Box(bytes(32), other)


SHORT, KEY = bytes(31), bytes(range(32))


@pytest.mark.parametrize(
    "use",
    [
        lambda: c_sodium.public_of_seed(SHORT),
        lambda: c_sodium.sign(b"", KEY, SHORT),
        lambda: c_sodium.curve_secret_of(SHORT),
        lambda: c_sodium.curve_public_of(SHORT),
        lambda: c_sodium.Box(SHORT, KEY),
        lambda: c_sodium.Box(c_sodium.new_curve_keys()[0], SHORT),
        lambda: c_sodium.Box(*c_sodium.new_curve_keys()).seal(b"", bytes(23)),
        lambda: c_sodium.Box(*c_sodium.new_curve_keys()).open(bytes(16), bytes(25)),
    ],
)
def test_libsodium_never_reads_beyond_the_end(use: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="bytes instead of"):
        use()


def test_a_worker_loads_neither_openssl_nor_what_belongs_to_the_command_line() -> None:
    program = """
import sys
from jobwire.worker.own_process import light_imports
light_imports.load()
import jobwire.worker.program
print(*{"ssl", "_ssl", "_hashlib", "secrets", "typer", "click", "rich", "tomlkit", "email", "http"} & set(sys.modules))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert told.stdout.split() == [], "an idle worker needs none of these: import it where it is used"


def test_each_file_that_holds_a_private_part_says_why_and_until_when() -> None:
    for file in (*HOLDERS.values(), *READERS, IMPORTS, PROTOBUF, TAB):
        said = ast.get_docstring(ast.parse((ROOT / file).read_text())) or ""
        assert re.search(r"[Pp]rivate", said), file
        assert "tests/unit/test_private_parts.py" in said, file


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    many: dict[str, list[int | float]] = {}


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: list[Inner]
    on: bool = True
    way: Literal["left", "right"] = "left"


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        ({"inner": [{"name": "a"}, {"name": 7}]}, Mistake(Wrong.VALUE, ("inner", 1, "name"), "expected a string, got a whole number")),
        ({"inner": [], "on": "yes"}, Mistake(Wrong.VALUE, ("on",), "expected true or false, got a string")),
        ({"inner": {}}, Mistake(Wrong.VALUE, ("inner",), "expected a list, got a table")),
        (
            {"inner": [{"name": "a", "many": {"x": [""]}}]},
            Mistake(Wrong.VALUE, ("inner", 0, "many", 0), "expected a number, got a string"),
        ),
        ({"inner": [{"name": None}]}, Mistake(Wrong.VALUE, ("inner", 0, "name"), "expected a string, got null")),
        ({"inner": [{}]}, Mistake(Wrong.MISSING_KEY, ("inner", 0), "the key 'name' is missing")),
        ({}, Mistake(Wrong.MISSING_KEY, (), "the key 'inner' is missing")),
        ({"inner": [{"name": "a", "nam": 1}]}, Mistake(Wrong.UNKNOWN_KEY, ("inner", 0, "nam"), "unknown key 'nam'")),
        ({"inner": [], "of": 1}, Mistake(Wrong.UNKNOWN_KEY, ("of",), "unknown key 'of'")),
        ({"inner": [], "way": "up"}, Mistake(Wrong.VALUE, ("way",), "'up' is not a value that it can have")),
        (7, Mistake(Wrong.VALUE, (), "expected a table, got a whole number")),
    ],
)
def test_the_errors_of_msgspec_are_understood(data: object, mistake: Mistake) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        msgspec.convert(data, Outer)
    assert msgspec_errors.understand(error.value) == mistake


def test_the_errors_of_msgspec_still_have_nothing_but_a_sentence() -> None:
    own = set(dir(msgspec.ValidationError)) - set(dir(ValueError))
    assert not {name for name in own if not name.startswith("_")}, "use these in schemas/text/msgspec_errors.py"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\n\nb = x\n", 3, "Invalid value"),
        ("a = [\n1,\n", 3, ""),
        ("a = 1\na = 2\n", 2, "the key 'a' is set twice"),
        ("[a]\n[a]\n", 2, "the table 'a' is set twice"),
    ],
)
def test_the_place_in_a_message_of_tomllib_is_understood(text: str, line: int, reason: str) -> None:
    with pytest.raises(toml_text.NotTomlError) as error:
        toml_text.parse(text)
    assert error.value.line == line
    assert error.value.reason.startswith(reason)
    assert "(at " not in error.value.reason


def test_the_place_is_only_an_attribute_in_pythons_that_are_not_required_yet() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == ">=3.11", "from 3.14 on TOMLDecodeError has lineno: use it in schemas/text/toml_text.py"


# A command as typer makes it, without our patches; `{}`: the type of its option.
BARE = """
import sys, pathlib
from typing import Annotated
import typer

app = typer.Typer(add_completion=False)

@app.command()
def verb(words: Annotated[list[str], typer.Argument(metavar="WORD")], option: Annotated[{}, typer.Option("--option")] = None) -> None:
    pass

def command():
    made = typer.main.get_command(app)
    made.name = "verb"
    return made

def error_of(arguments):
    try:
        command().main(arguments, standalone_mode=False)
    except BaseException as error:
        return error
"""


def after_bare(program: str, option: str = "str | None") -> str:
    ended = subprocess.run([sys.executable, "-c", BARE.replace("{}", option) + program], capture_output=True, check=True, text=True)
    return ended.stdout


PLAINLY_CALLED = "command().main(['--option', 'x', 'word'], standalone_mode=False); print('pydantic' in sys.modules)"


def test_typer_still_loads_pydantic_for_a_string_and_the_patch_spares_it() -> None:
    assert after_bare(PLAINLY_CALLED) == "True\n", "typer is light now: remove take_texts_as_typed from client/cli/parser/typer_parts.py"
    patch = "from jobwire.client.cli.parser.typer_parts import take_texts_as_typed; take_texts_as_typed();"
    assert after_bare(patch + PLAINLY_CALLED) == "False\n"


SPARED = "from jobwire.client.cli.parser.typer_parts import read_misuse, take_texts_as_typed; take_texts_as_typed();"


@pytest.mark.parametrize(("option", "typed"), [("int | None", "7"), ("pathlib.Path | None", "x")])
def test_the_patch_spares_a_number_and_a_path_too(option: str, typed: str) -> None:
    called = PLAINLY_CALLED.replace("'x'", repr(typed))
    assert after_bare(f"import pathlib; {SPARED} {called}", option) == "False\n"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("x", "invalid value for '--option': it is not a whole number"),
        ("1.5", "invalid value for '--option': it is not a whole number"),
        ("0", "invalid value for '--option': it must be at least 1"),
        ("10", "invalid value for '--option': it must be at most 9"),
        ("9", "None"),
    ],
)
def test_a_number_that_the_patch_reads_is_within_its_bounds(typed: str, said: str) -> None:
    bounded = BARE.replace("{}", "int | None").replace('"--option")', '"--option", min=1, max=9)')
    program = f"{bounded}{SPARED} error = error_of(['--option', '{typed}', 'word']); print(error and read_misuse(error).sentence)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == f"{said}\n"


def test_typer_still_writes_usage_lines_of_its_own_and_the_patch_replaces_them() -> None:
    show = "print(made.get_help(typer.Context(made, info_name='verb')) or '')"
    bare, shaped = (
        after_bare(f"made = command(); {patch}; {show}")
        for patch in ("pass", "from jobwire.client.cli.parser.typer_parts import shape_help; shape_help(made)")
    )
    assert "WORD..." not in bare.replace("{WORD}...", ""), "typer writes it by itself: remove it from shape_help"
    assert re.search(r"verb \[OPTIONS\] WORD\.\.\. ", shaped)


@pytest.mark.parametrize(
    ("arguments", "option", "read", "flags"),
    [
        (["--nope", "a"], "str | None", "('no such option: --nope', '--nope')", ["--option", "--help"]),
        (["-z", "a"], "str | None", "('no such option: -z', '-z')", ["--option", "--help"]),
        (["--option", "x", "a"], "int | None", "(\"invalid value for '--option': it is not a whole number\", '')", []),
        ([], "str | None", "(\"missing argument 'WORD'\", '')", []),
    ],
)
def test_the_errors_of_typer_are_understood(arguments: list[str], option: str, read: str, flags: list[str]) -> None:
    program = (
        "from jobwire.client.cli.parser.typer_parts import read_misuse;"
        f"misuse = read_misuse(error_of({arguments!r})); print((misuse.sentence, misuse.unknown_option), *misuse.known, sep='\\n')"
    )
    said, *known = after_bare(program, option).splitlines()
    assert (said, known) == (read, flags)


def test_the_classes_of_typers_errors_are_still_not_public() -> None:
    assert not {"UsageError", "NoSuchOption", "NoArgsIsHelpError"} & set(dir(typer)), "use these in client/cli/parser/typer_parts.py"
