"""Batches that are staged in parts and committed as a whole: who may, how their jobs get into the queue, and what becomes of the rest."""
