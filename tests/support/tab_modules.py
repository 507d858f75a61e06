"""What an answer to Tab may load. Each module costs part of a millisecond at each Tab, and with what it imports often several.

Before one is added here, look whether it is needed, and needed before the worker is asked; docs/performance.md says what a Tab takes.
"""

from __future__ import annotations

_OURS = {
    "client.cli.completion": "answer bash_line jobs light_imports line table words",
    "client.cli.completion.lookup": "curve_client first_questions inquiry near_worker quick_line",
    "client.config": "contexts contexts_file job_context",
    "client.private_worker": "running state_folder",
    "client.sockets": "addressee addresses",
    "keys": "c_sodium c_socket held_signals holder identity namespaces",
    "keys.files": "file_kind ownership private_files secret_file shortage small_file user_folders",
    "schemas": "clock endpoint json_text naming protocol_version refusal",
    "schemas.generated": "event_pb2 job_pb2 request_pb2",
    "schemas.private_parts": "bare_protobuf c_json c_signal deferred frozen light_typing protobuf_in_c",
    "schemas.text": "brief patterns plain_text plain_toml toml_text",
}
_MODULES = {f"jobwire.{room}.{module}" for room, modules in _OURS.items() for module in modules.split()}
_ROOMS = {f"jobwire.{room}".rsplit(".", up)[0] for room in _OURS for up in range(room.count(".") + 1)}
OURS = _MODULES | _ROOMS
# These and what they load by themselves may be loaded too.
LIBRARIES = """
from jobwire.client.cli.completion.light_imports import spare
spare()
import _json, _socket, binascii, contextlib, enum, fcntl, functools, pathlib, pwd, select, threading, tomllib, weakref
from nacl import _sodium
from jobwire.schemas.private_parts import bare_protobuf
bare_protobuf.use()
from jobwire.schemas.generated import request_pb2
"""
# Prints what was loaded, without what only stands for a module until it is used.
REAL = "import sys; from types import ModuleType; print('!', *(name for name, one in sys.modules.items() if type(one) is ModuleType))"
