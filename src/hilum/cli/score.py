"""``hilum score``: scores and measures on anyone's masks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilum.cli.options import chosen_settings, labels_named_by, settings_sources
from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.image import Image, LabelMap
    from hilum.measurement import Finding
    from hilum.provenance import Json
    from hilum.readers.label_mapping import LabelMapping
    from hilum.scoring import Measure, Measures, Score

log = logging.getLogger(__name__)

ROLES = ("lungs", "lesions", "lobes")

_LABELS = {"lungs": "lungs=lungmask", "lesions": "lesions=mine.toml", "lobes": "lobes=totalsegmentator"}
"""How labels of another tool are named, for example."""

_MASK = click.Path(exists=True, path_type=Path)


@click.command("score", cls=TalkingCommand)
@click.option("--image", type=_MASK, help="The CT or film that the masks are of; densities take the CT.")
@click.option("--lungs", required=True, type=_MASK, help="Mask of the lungs: a file, or a folder of one a structure.")
@click.option("--lesions", required=True, type=_MASK, help="Mask of ground-glass, consolidation and effusion.")
@click.option("--lobes", type=_MASK, help="Mask of the five lobes, of a CT only.")
@click.option(
    "--labels",
    multiple=True,
    metavar="[ROLE=]NAME",
    help="Whose labels the masks have: hilum, lungmask, lungmask-lobes, one-mask (of both lungs), slicer-lcta, "
    "totalsegmentator, totalsegmentator-v1, or a TOML file like theirs; for all masks that the tool makes, or for "
    "one, as in lobes=lungmask. Repeat for several.  [default: hilum]",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File for the result, as JSON.")
@settings_sources
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(output: Path | None, as_json: bool, labels: tuple[str, ...], **masks: Path | None) -> None:
    """Score masks that any tool made, of a chest CT or a film.

    Masks of a CT lie on its voxels, in any order of their axes. What is odd about the CT is told, and one that is
    plainly not in Hounsfield units is refused.
    """
    from hilum.scoring import score

    image, maps = _read(masks, _mappings(labels))
    findings = () if image is None else _judged(image, masks["image"])
    scores = score(maps["lungs"], maps["lesions"], image=image, lobes=maps.get("lobes"))
    measures = _measures(image, maps)
    made = _as_json(scores, measures) | _film_instances(maps)
    made["findings"] = [{"code": each.code, "gravity": each.gravity.value} for each in findings]
    if output is not None:
        _write(output, made)
    click.echo(json.dumps(made, indent=2) if as_json else "\n".join(_page(scores, measures)))


def _mappings(labels: tuple[str, ...]) -> dict[str, LabelMapping]:
    """The mapping of each role: the one named for it, or else the last named for all that has the role, or Hilum's."""
    from hilum.readers.label_mapping import label_mapping

    made = dict.fromkeys(ROLES, label_mapping("hilum"))
    chosen: dict[str, LabelMapping] = {}
    for text in labels:
        role, equals, name = text.rpartition("=")
        if equals and role not in ROLES:
            raise click.BadParameter(f"{role!r} is none of {', '.join(ROLES)}.", param_hint="--labels")
        mapping = label_mapping(name)
        if equals:
            chosen[role] = mapping
        else:
            made |= dict.fromkeys(mapping.roles, mapping)
    return made | chosen


def _read(
    paths: Mapping[str, Path | None], mappings: Mapping[str, LabelMapping]
) -> tuple[Image | None, dict[str, LabelMap]]:
    """The image, and the masks by role on its grid; without an image, on the grid of the lungs."""
    from hilum.readers import read
    from hilum.readers.structures import read_structures
    from hilum.segmentation.told_apart import told_apart

    settings = chosen_settings()
    file = paths.get("image")
    image = None if file is None else read(file, settings.read, series=settings.ct.series)
    grid = None if image is None else image.grid
    made: dict[str, LabelMap] = {}
    for role in ROLES:
        path = paths.get(role)
        if path is not None:
            with labels_named_by(f"--labels {_LABELS[role]}"):
                made[role] = read_structures(path, role, mappings[role], on=grid, settings=settings.read)
            if role == "lungs" and mappings[role].is_one_mask:
                made[role] = told_apart(made[role])
            grid = made[role].grid if grid is None else grid
    return image, made


def _judged(image: Image, path: Path | None) -> tuple[Finding, ...]:
    """What the input gate finds on a CT, its warnings told; Refused if its numbers are no Hounsfield units."""
    from hilum import gate, gate_ct
    from hilum.geometry import VolumeGrid
    from hilum.measurement import Gravity

    if not isinstance(image.grid, VolumeGrid):
        return ()
    findings = gate_ct.scored(image, chosen_settings().gate)
    gate.refuse(findings, path)
    for each in findings:
        if each.gravity is Gravity.WARNING:
            log.warning("%s (%s)", each.message, each.code)
    return findings


def _measures(image: Image | None, maps: Mapping[str, LabelMap]) -> Measures:
    from hilum.geometry import VolumeGrid
    from hilum.scoring import Measures, measure_volumes

    if not isinstance(maps["lungs"].grid, VolumeGrid):
        return Measures()
    return measure_volumes(image, maps["lungs"], maps["lesions"], maps.get("lobes"))


def _as_json(scores: Mapping[str, Score], measures: Measures) -> dict[str, Json]:
    made: dict[str, Json] = {name: _score(score) for name, score in scores.items()}
    rows = [_row(row) for row in measures.table]
    instances = [{key: _plain(value) for key, value in asdict(each).items()} for each in measures.instances]
    return {"scores": made, "measures": [*rows], "instances": [*instances]}


def _film_instances(maps: Mapping[str, LabelMap]) -> dict[str, Json]:
    """The single lesions of a film; nothing for a CT."""
    from hilum.geometry import PlaneGrid
    from hilum.scoring.film_lesions import film_lesions
    from hilum.writers.result_json import film_instances

    if not isinstance(maps["lungs"].grid, PlaneGrid):
        return {}
    return {"instances": [*film_instances(film_lesions(maps["lungs"], maps["lesions"]), maps["lungs"].grid)]}


def _row(row: Measure) -> dict[str, Json]:
    made = {key: _plain(value) for key, value in asdict(row).items() if value is not None}
    return made | {"value": _plain(row.value)}


def _score(score: Score) -> dict[str, Json]:
    definition = score.definition
    return {
        "value": _plain(score.value),
        "range": list(definition.range),
        "unit": definition.unit,
        "parts": {region: _plain(value) for region, value in score.parts.items()},
        "settings": dict(score.settings),
        "title": definition.title,
        "source": definition.source,
    }


def _plain(value: Any) -> Json:
    """A number rounded, and a reason as ``{"not_measured": reason}``, as ``result.json`` has them."""
    from hilum.measurement import NotMeasured
    from hilum.writers.result_json import rounded

    if isinstance(value, NotMeasured):
        return {"not_measured": value.reason}
    if isinstance(value, float):
        return rounded(value)
    return [round(each, 2) for each in value] if isinstance(value, tuple) else value


def _write(path: Path, made: dict[str, Json]) -> None:
    from hilum.writers.result_json import encode_json
    from hilum.writers.whole import whole_file

    with whole_file(path) as unfinished:
        unfinished.write_bytes(encode_json(made))


def _page(scores: Mapping[str, Score], measures: Measures) -> Iterator[str]:
    """What a person reads: the scores, and on CT the volumes of the lungs and of what is in them."""
    for score in scores.values():
        definition = score.definition
        unit = "%" if definition.unit == "%" else f"of {definition.range[1]:g}"
        yield f"{definition.title:<36} {_worded(score.value, unit)}"
    for row in measures.table:
        if row.region == "both" and (row.id == "volume" or (row.id, row.structure) == ("count", "opacity")):
            title = "Lesions" if row.id == "count" else f"Volume, {row.structure}"
            spread = "" if row.uncertainty is None else f" (± {float(f'{row.uncertainty:.2g}'):g})"
            yield f"{title:<36} {_worded(row.value, row.unit)}{spread}"


def _worded(value: Any, unit: str) -> str:
    from hilum.measurement import NotMeasured

    if isinstance(value, NotMeasured):
        return f"not measured: {value.reason}"
    return f"{value:.4g} {unit}".rstrip()
