"""Parts of CPython and protobuf that are private, or replace public ones: each with its reason, and when it can be removed."""
