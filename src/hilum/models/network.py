"""A network with its card, ready to be used by a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.provenance import Json, ModelRef
from hilum.settings import RuntimeSettings

from .card import Card, Task
from .catalogue import card as card_of
from .catalogue import default_for
from .runtime import Arrays, Runtime, open_runtimes


@dataclass(frozen=True, slots=True)
class Network:
    """What a stage needs of a network: its card, and the engine that runs it."""

    card: Card
    runtime: Runtime

    @property
    def ref(self) -> ModelRef:
        """For provenance."""
        return ModelRef(self.card.name, self.card.version, self.card.sha256)

    @property
    def settings(self) -> dict[str, Json]:
        """Engine and arithmetic, for provenance: a result can differ in its last figures between them.

        Of an ensemble, its members as well.
        """
        made: dict[str, Json] = {"engine": self.runtime.name, "precision": self.runtime.precision}
        if self.card.members:
            made["members"] = [f"{each.name} {each.version} {each.sha256}" for each in self.card.members]
        return made

    @property
    def size_px(self) -> int:
        """Side of the square that the network sees."""
        return self.card.input.size_px[0]

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.float32]]:
        """The network's outputs for one image: inputs and outputs without the batch axis."""
        results = self.runtime.run({name: array[None] for name, array in inputs.items()})
        return {name: array[0] for name, array in results.items()}


def open_networks(names: Sequence[tuple[Task, str]], settings: RuntimeSettings, *, many: bool) -> list[Network]:
    """Networks by task and name, opened at the same time; an empty name takes the task's default.

    Errors are those of :func:`~hilum.models.catalogue.card` and :func:`~hilum.models.runtime.open_runtime`.
    """
    cards = [card_of(name or default_for(task)) for task, name in names]
    runtimes = open_runtimes(cards, settings, many=many)
    return [Network(card, runtime) for card, runtime in zip(cards, runtimes, strict=True)]
