"""Regenerate `schemas/generated/` from `schemas/proto/`; with `--check`, only report whether it is up to date.

Needs `grpcio-tools`, which contains protoc. protoc names modules by the proto package, `jobwire.v1`, which is not their path: the
imports among them are made relative.
"""

from __future__ import annotations

import filecmp
import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
PROTO = HERE / "proto"
GENERATED = HERE / "generated"
_PACKAGE = '''"""Written by schemas/generate.py from schemas/proto. Not edited by hand."""

from ..private_parts.protobuf_in_c import defer

# Before the first module that imports protobuf.
defer()
'''


def generate(into: Path) -> None:
    """Run protoc and put the modules and their stubs flat into `into`."""
    sources = sorted(str(path) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as scratch:
        status = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={scratch}", f"--pyi_out={scratch}", *sources])
        if status:
            raise SystemExit(status)
        into.mkdir(exist_ok=True)
        (into / "__init__.py").write_text(_PACKAGE)
        for path in Path(scratch).rglob("*_pb2.py*"):
            text = re.sub(r"^from jobwire\.v1 import", "from . import", path.read_text(), flags=re.MULTILINE)
            (into / path.name).write_text(text)


def main() -> None:
    """Run as `make schemas` (no argument) or as part of `make check` (`--check`)."""
    if sys.argv[1:] != ["--check"]:
        generate(GENERATED)
        return
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        names = sorted(path.name for path in fresh.iterdir())
        _, differ, missing = filecmp.cmpfiles(fresh, GENERATED, names, shallow=False)
    if differ or missing:
        raise SystemExit(f"schemas/generated is stale ({', '.join(differ + missing)}); run: make schemas")


if __name__ == "__main__":
    main()
