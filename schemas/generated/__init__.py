"""Written by schemas/generate.py from schemas/proto. Not edited by hand."""
