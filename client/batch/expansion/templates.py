"""A table of a batch file with placeholders, from which the tables of many jobs are rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from ....schemas.naming import LONGEST_NAME
from ..batch_tables import JobTable
from ..table_specs import Layers
from .placeholders import Text, Tree, compile_table, compile_text

# What a value has that a name cannot have.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\[\]:+-]")


class Template:
    """A table with placeholders, in itself, in the defaults and in the options of the command line."""

    def __init__(self, table: JobTable, defaults: Tree | None, over: Tree | None) -> None:
        self.table = table
        self._name = compile_text(table.name or "", ("name",))
        self._table = compile_table(msgspec.structs.replace(table, name=None))
        self._defaults = defaults
        self._over = over

    @property
    def is_command_only(self) -> bool:
        """Whether only argv and the name differ from job to job."""
        return self._defaults is None and self._over is None and places(self._table) <= {"argv"}

    def texts(self) -> Iterator[Text]:
        """Iterate over all texts with placeholders."""
        for one in (self._name, self._table, self._defaults, self._over):
            if one is not None:
                yield from one.texts()

    def render(self, values: dict[str, str], layers: Layers, number: int | None) -> tuple[JobTable, Layers]:
        """Return a job and its surroundings; its name becomes one of the values. `number` counts the jobs of `for_each`.

        Raises Unknown.
        """
        name = self.table.name
        if self._name is not None:
            name = self._name.render({key: _NOT_IN_NAMES.sub("_", value) for key, value in values.items()})
        elif name and number is not None:
            name = f"{name}[{number}]"
        if name and self._name is not None and len(name) > LONGEST_NAME:
            # Still another one for each job.
            name = f"{name[: LONGEST_NAME - len(str(number)) - 1]}+{number}"
        if name:
            values["name"] = name
        table = self._table.render(values) if self._table is not None else self.table
        if self._defaults is not None:
            layers = layers.with_defaults(self._defaults.render(values))
        if self._over is not None:
            layers = layers.with_over(replace(layers.over, **self._over.render(values)))
        return msgspec.structs.replace(table, name=name), layers


def places(tree: Tree | None) -> frozenset[str]:
    """Return the keys of a table that contain placeholders."""
    return frozenset(place for place, _ in tree.inner) if tree is not None else frozenset()
