"""Which DICOM series there are, which of a study is analysed, and why not the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hilum.errors import Error, IncompleteSeries, Refused
from hilum.measurement import Finding, Gravity

from .dicom_header import Header
from .dicom_tags import CHEST_WORDS, MODALITIES
from .kernels import softness
from .spots import Spot, common
from .stack import Stack, is_derived, stack_of

THORAX_MM = 250.0
"""Length of patient that a chest CT covers; what reaches further is none the better for it."""

REACH_SHARE = 0.8
"""A series that covers less than this share of what another one does is a part of the chest."""

THIN_MM = (1.55, 3.1, 5.6)
"""Slices up to 1.5 mm apart are thin, up to 3 mm and 5 mm less so; series of one class are equally good."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One DICOM series.

    Attributes
    ----------
    uid : Series Instance UID
    headers : its files
    stack : the volume in it
    """

    uid: str
    headers: tuple[Header, ...]
    stack: Stack

    @property
    def first(self) -> Header:
        """The file that speaks for it."""
        return self.headers[0]

    @property
    def is_ct(self) -> bool:
        """Whether its files are CT by their SOP class."""
        return self.first.is_ct

    @property
    def refusal(self) -> str:
        """Why it cannot be analysed, a phrase; empty if it can."""
        if self.is_ct:
            return self.stack.refusal
        kind = MODALITIES.get(self.first.modality)
        return f"it is {kind} (modality {self.first.modality})" if kind else f"it is another {self.first.title}"

    @property
    def slice_mm(self) -> float:
        """Distance between its slices; 0 if it has none."""
        grid = None if self.stack.lattice is None else self.stack.lattice.grid
        return 0.0 if grid is None else 1000 * grid.voxel_ml / (grid.spacing_mm[1] * grid.spacing_mm[2])

    @property
    def kernel(self) -> str:
        """Reconstruction kernel, empty if it is not stated."""
        return self.stack.slices[0].kernel if self.stack.slices else ""

    @property
    def image_type(self) -> tuple[str, ...]:
        """Such as ``("ORIGINAL", "PRIMARY", "AXIAL")``."""
        return self.stack.slices[0].image_type if self.stack.slices else ()

    @property
    def name(self) -> str:
        """How sentences call it: by its number, since descriptions are free text, which may tell who the patient is."""
        number = "a series" if self.first.number is None else f"series {self.first.number}"
        count = len(self.stack.slices)
        return f"{number} ({count} {'slice' if count == 1 else 'slices'})"

    def error(self, place: str, others: int) -> Error:
        """Why it cannot be analysed, as an error that was not raised yet."""
        choice = f" The study holds {others} other series: see 'hilum series'." if others else ""
        if self.is_ct:
            return IncompleteSeries(
                f"Cannot build a volume from {self.name} in {place}: {self.refusal}. Give all files of the series, or "
                f"export it again.{choice}",
                path=self.first.spot.path,
            )
        message = f"{self.refusal}, and CT is wanted. Give a chest CT, or a film.{choice}"
        finding = Finding("not-a-ct", Gravity.ERROR, message)
        return Refused(
            f"Did not analyse {self.name} in {place} ({finding.code}): {finding.message}",
            code=finding.code,
            path=self.first.spot.path,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """The series of one study, best first.

    Attributes
    ----------
    uid : Study Instance UID
    spot : its file, folder or zip file
    series : volumes of any modality, the one to be analysed first
    reasons : for each of them, why it is taken or not: a phrase
    passed_over : its files that are no volumes and no films: reports, segmentations, captures
    """

    uid: str
    spot: Spot
    series: tuple[Series, ...]
    reasons: tuple[str, ...]
    passed_over: tuple[Header, ...] = field(default=())

    @property
    def taken(self) -> Series:
        """The series to be analysed."""
        return self.series[0]

    def findings(self) -> Iterator[Finding]:
        """Which other CT series there are, and what the headers of the one that is taken say."""
        pairs = list(zip(self.series, self.reasons, strict=True))[1:]
        others = [f"{each.name}: {why}" for each, why in pairs if each.is_ct and each.stack.lattice is not None]
        if others:
            message = (
                f"The study holds {len(others)} other CT series that could be analysed, by --series with the UID that "
                f"'hilum series' tells: {'; '.join(others)}."
            )
            yield Finding("other-series", Gravity.NOTE, message)
        yield from self.taken.stack.findings
        first = self.taken.first
        if not _is_chest(first):
            message = f"Its header says that it shows another part of the body ({first.body_part}); a chest is wanted."
            yield Finding("other-body-part", Gravity.WARNING, message)
        if first.contrast:
            message = "Contrast medium was given, which raises the density of vessels, effusions and consolidations."
            yield Finding("contrast-given", Gravity.NOTE, message)


def group(headers: Iterable[Header], wanted: str = "") -> tuple[Study, ...]:
    """The studies that hold volumes, in the order in which they were found.

    Parameters
    ----------
    headers : of files; those that are no part of a volume are named as passed over if their study has one
    wanted : UID of the series to take; then there is that study only, or none
    """
    by_study: dict[str, list[Header]] = {}
    for each in headers:
        by_study.setdefault(each.study or each.series or str(each.spot.path.parent), []).append(each)
    made = (_study(uid, found, wanted) for uid, found in by_study.items())
    return tuple(study for study in made if study is not None)


def _study(uid: str, headers: Sequence[Header], wanted: str) -> Study | None:
    by_series: dict[str, list[Header]] = {}
    for each in headers:
        if each.is_volume:
            by_series.setdefault(each.series, []).append(each)
    if not by_series or (wanted and wanted not in by_series):
        return None
    series = [_series(key, found) for key, found in by_series.items()]
    ranked = rank(series)
    if wanted:
        ranked = tuple(sorted(ranked, key=lambda each: each.uid != wanted))
    reasons = (_why_taken(ranked, is_wanted=bool(wanted)), *(_why_not(each, ranked) for each in ranked[1:]))
    spots = [header.spot for each in ranked if each.is_ct or not ranked[0].is_ct for header in each.headers]
    others = tuple(each for each in headers if not each.is_volume and not each.is_film)
    return Study(uid, common(spots, uid), ranked, reasons, others)


def _series(uid: str, headers: Sequence[Header]) -> Series:
    slices = [each for header in headers if header.is_ct == headers[0].is_ct for each in header.slices]
    return Series(uid, tuple(headers), stack_of(slices))


def rank(series: Sequence[Series]) -> tuple[Series, ...]:
    """Series in the order in which they are preferred; documented at :func:`_merits`."""
    reach = max(_reach(each) for each in series)

    def key(each: Series) -> tuple[list[float], float, str]:
        number = each.first.number
        return [-points for points, _ in _merits(each, reach)], float("inf") if number is None else number, each.uid

    return tuple(sorted(series, key=key))


def _merits(series: Series, reach: float) -> list[tuple[float, str]]:
    """Points of a series, the most important first, each with what is amiss if another one has more of them.

    A series that makes a volume of CT; of the chest; whole; axial; original; thin; of a kernel for soft tissue; of
    most slices.
    """
    taken = next((THIN_MM.index(limit) for limit in THIN_MM if series.slice_mm <= limit), len(THIN_MM))
    kernel = series.kernel or "not stated"
    return [
        (float(series.is_ct and not series.stack.refusal), series.refusal),
        (float(series.is_ct), series.refusal),
        (float(_is_chest(series.first)), f"it shows another part of the body ({series.first.body_part})"),
        (float(_reach(series) >= REACH_SHARE * reach), f"it covers {series.stack.reach_mm:.0f} mm of the patient only"),
        (float(series.stack.plane == "axial"), f"its slices are {series.stack.plane}"),
        (
            float(not is_derived(series.image_type)),
            f"it was computed from another one ({chr(92).join(series.image_type)})",
        ),
        (-float(taken), f"its slices stand {series.slice_mm:.3g} mm apart"),
        (softness(series.kernel), f"its kernel ({kernel}) is not one for soft tissue"),
        (float(len(series.stack.slices)), f"it has fewer slices ({len(series.stack.slices)})"),
    ]


def _why_taken(ranked: Sequence[Series], *, is_wanted: bool) -> str:
    best = ranked[0]
    if best.refusal:
        return best.refusal
    if is_wanted:
        return "it was asked for"
    rivals = [each for each in ranked[1:] if not each.refusal]
    if not rivals:
        return "it is the only one that can be analysed"
    return f"the best of {len(rivals) + 1}: {best.stack.plane}, slices {best.slice_mm:.3g} mm apart"


def _why_not(series: Series, ranked: Sequence[Series]) -> str:
    """What keeps a series from being taken: the first merit in which the taken one surpasses it."""
    if series.refusal:
        return series.refusal
    reach = max(_reach(each) for each in ranked)
    for (mine, phrase), (best, _) in zip(_merits(series, reach), _merits(ranked[0], reach), strict=True):
        if mine < best:
            return phrase
        if mine > best:
            return "another one was asked for"
    return "it is as good as the one taken, which has the lower number"


def _reach(series: Series) -> float:
    return min(series.stack.reach_mm, THORAX_MM) if series.is_ct else 0.0


def _is_chest(header: Header) -> bool:
    """Whether the header does not speak against a chest."""
    part = header.body_part
    words = (*CHEST_WORDS, "BODY", "TRUNK", "TORSO", "CAP", "TAP")
    described = header.description.upper()
    return not part or any(word in part for word in words) or any(word in described for word in CHEST_WORDS)
