"""What the networks behind a result say of their limits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from hilum.errors import ModelError, SettingsError
from hilum.provenance import ModelRef, Step, walk


def limits_of(provenance: Step) -> Mapping[str, tuple[str, ...]]:
    """By name, what the cards of the networks in a history say of their limits."""
    models = [node.model for node in walk(provenance) if isinstance(node, Step) and node.model is not None]
    return {model.name: limits for model in models if (limits := _limits_of_model(model))}


@lru_cache(maxsize=16)
def _limits_of_model(model: ModelRef) -> tuple[str, ...]:
    """Limits on the card of a network; none if this installation does not have that very network."""
    from hilum.models import catalogue

    try:
        card = catalogue.card(model.name)
    except (ModelError, SettingsError):
        return ()
    return card.limits if card.sha256 == model.sha256 else ()
