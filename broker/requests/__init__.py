"""Handling of requests: who sent one, whether they may, and the handlers of the verbs."""
