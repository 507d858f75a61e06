"""Parts of CPython and protobuf that are not public, or take the place of public ones: each with its reason, and until when."""
