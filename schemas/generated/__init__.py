"""Written by schemas/generate.py from schemas/proto. Not edited by hand."""

from ..private_parts.protobuf_in_c import defer

# Before the first module that imports protobuf.
defer()
