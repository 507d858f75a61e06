"""`jobwire worker set`: set the capacity and the labels of the worker in use."""

from __future__ import annotations

from typing import Annotated

from ....schemas.refusal import Code, Refused
from ....schemas.text.sizes import parse_size
from ....schemas.workers.capacity import parse_gpus, parse_resource
from ....schemas.workers.labels import parse_label
from ...batch.options.option_values import parse_amount
from ..arguments import understanding, understood
from ..chosen_context import client, context_name
from ..exit_status import BadInput
from ..parser.parameters import Context, Option
from ..status.status_text import describe
from ..terminal.screen import write

_SHOWN_BEFORE = {"context", "worker", "broker", "you", "new jobs", "load", "disk", "roster"}


def set_worker(
    ctx: Context,
    *,
    slots: Annotated[str | None, Option("--slots", metavar="N", help="How many jobs run at once; one of --cpus N counts as N.")] = None,
    memory: Annotated[str | None, Option("--memory", metavar="SIZE", help="How much memory jobs can reserve.")] = None,
    gpus: Annotated[
        str | None,
        Option("--gpus", metavar="N|LIST", help="The GPUs that jobs can reserve: how many, from 0 on, or their ids with commas."),
    ] = None,
    resource: Annotated[
        list[str] | None, Option("--resource", metavar="NAME=N", help="Define a resource that jobs can reserve; 0 removes it.")
    ] = None,
    label: Annotated[list[str] | None, Option("--label", metavar="NAME[=VALUE]", help="Give the worker a label.")] = None,
    remove_label: Annotated[list[str] | None, Option("--remove-label", metavar="NAME", help="Take a label from the worker.")] = None,
    reset: Annotated[bool, Option("--reset", help="First discard everything that was set this way before.")] = False,
) -> None:
    """Set what the worker in use has for jobs and how it is labelled, at once and for later runs.

    This overrides the options of jobwire worker run, even after a restart, until it is set again or --reset is given. Running jobs are not
    affected: if more run than there are slots, none starts until enough have ended. Needs the role operator or admin.
    """
    if not reset and slots is None and memory is None and gpus is None and not (resource or label or remove_label):
        raise BadInput("name what to set: --slots N, --memory SIZE, --gpus N|LIST, --resource NAME=N, --label NAME[=VALUE], or --reset")
    with understanding("--resource"):
        resources = dict(parse_resource(one, fewest=0) for one in resource or ())
        if len(resources) < len(resource or ()):
            raise Refused(Code.INVALID_ARGUMENT, "a resource is named twice")
    with understanding("--label"):
        labels: dict[str, str | None] = dict(map(parse_label, label or ()))
        if len(labels) < len(label or ()) or labels.keys() & set(remove_label or ()):
            raise Refused(Code.INVALID_ARGUMENT, "a label is named twice")
    labels |= dict.fromkeys(remove_label or (), None)
    with client(ctx) as connected:
        found = connected.set_capacity(
            slots=understood("--slots", parse_amount, slots),
            memory=understood("--memory", parse_size, memory),
            gpus=understood("--gpus", parse_gpus, gpus),
            resources=resources,
            labels=labels,
            reset=reset,
        )
    for what, value in describe(context_name(ctx), found):
        if what not in _SHOWN_BEFORE:
            write(f"{what:<13}{value}")
