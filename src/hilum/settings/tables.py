"""What can be set: a table of settings each, with types, defaults and meanings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Mirrored = Literal["auto", "always", "never"]
"""When a network looks at the mirror image of a film as well, see :class:`FilmSettings`."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """Limits of the readers.

    Attributes
    ----------
    zip_max_mb : largest total size of a zip file's content, unpacked, in megabytes
    zip_max_ratio : largest ratio of unpacked to packed size of one entry
    zip_max_files : most entries in a zip file
    max_megapixels : largest film, in millions of pixels
    max_megavoxels : largest volume, in millions of voxels; a chest of 1,000 slices has 262
    """

    zip_max_mb: int = 2000
    zip_max_ratio: int = 200
    zip_max_files: int = 20000
    max_megapixels: int = 100
    max_megavoxels: int = 700


@dataclass(frozen=True, slots=True)
class GateSettings:
    """The input gate.

    Attributes
    ----------
    enabled : False lets every readable film through; the findings are still in the result
    min_side_px : a film with a shorter side is too small
    min_slices : a CT with fewer slices is no volume
    min_slice_px : a CT whose slices have a shorter side is too small
    """

    enabled: bool = True
    min_side_px: int = 128
    min_slices: int = 5
    min_slice_px: int = 48


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """The inference engine.

    Attributes
    ----------
    engine : inference engine; ``auto`` takes what the committed benchmark found best, for few films and for many
    precision : arithmetic of the engine; ``auto`` takes bfloat16 where the processor has it, else float32
    threads : threads of one inference; 0 means all cores
    workers : films in work at once; 0 means one a core, if the free memory has room for them
    """

    engine: Literal["auto", "openvino", "onnxruntime"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = 0
    workers: int = 0


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which networks of the catalogue to use, by name.

    Attributes
    ----------
    cxr_lungs : finds the lungs on a film; empty takes the shipped default
    cxr_lesions : finds the lesions on a film; empty takes the shipped default
    ct_lungs : finds the lungs on a CT; empty takes the shipped default
    ct_lesions : finds the lesions on a CT; empty takes the shipped default
    """

    cxr_lungs: str = ""
    cxr_lesions: str = ""
    ct_lungs: str = ""
    ct_lesions: str = ""


@dataclass(frozen=True, slots=True)
class FilmSettings:
    """How a film is analysed.

    Attributes
    ----------
    mirrored : when the lesion network looks at a film's mirror image as well: ``auto`` if the film is likely diseased
        and little is seen on it, and the mean of both looks is drawn; ``always``, and the mean counts in every score,
        too, for about a fifth more time; or ``never``
    """

    mirrored: Mirrored = "auto"


@dataclass(frozen=True, slots=True)
class CtSettings:
    """How a CT is analysed.

    Attributes
    ----------
    preset : ``standard`` looks at every slice, but at no more than one in 1.5 mm; ``fast`` at one in 5 mm, and fills in
        what lies between
    lungs : the ``network``, or the ``classical`` method by thresholds and connected parts
    lesions : the ``network``, or ``hounsfield``: the bands of Hounsfield units that are the cross-check in every result
    least_opacity_ml : a lung, zone or lobe with less opacity counts as clear in the scores by grades; 0 keeps to their
        publications, by which anything is more than nothing
    series : UID of the DICOM series to take where a folder holds several; empty takes the one ``hilum series`` names
    """

    preset: Literal["standard", "fast"] = "standard"
    lungs: Literal["network", "classical"] = "network"
    lesions: Literal["network", "hounsfield"] = "network"
    least_opacity_ml: float = 0.0
    series: str = ""


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """How a film is made of a CT.

    Attributes
    ----------
    method : ``film`` by the law of attenuation, or the plain column ``sum`` of 8-bit grey along parallel rays
    view : ``PA`` from back to front, ``AP`` from front to back, ``LATERAL`` from the right to the left side
    geometry : rays from a ``point``, or ``parallel`` ones
    source_mm : distance from the source to the detector, for rays from a point
    gap_mm : distance from the last plane of the CT to the detector, for rays from a point
    pitch_mm : side of the detector's pixels
    energy_kev : effective energy of the beam, 20 to 150
    photons : quanta that reach a detector's area of 0.16 square mm behind air; fewer are noisier
    scatter : scattered over primary light behind the mean patient, after the grid
    contrast : steepness of the display curve
    brightness : shift of the display curve, in shares of the grey scale
    sharpening : strength of the edge enhancement
    flattening : how far coarse differences of density are evened out, 0 to 1
    marker : letters at the patient's left shoulder; empty for none
    seed : seed of the noise
    remove_table : take away all that is not the patient: table, blankets and the air about
    mask_mm : a pixel belongs to a mask where its ray runs at least so far through it
    """

    method: Literal["film", "sum"] = "film"
    view: Literal["PA", "AP", "LATERAL"] = "PA"
    geometry: Literal["point", "parallel"] = "point"
    source_mm: float = 1800.0
    gap_mm: float = 30.0
    pitch_mm: float = 0.4
    energy_kev: float = 60.0
    photons: float = 2e5
    scatter: float = 0.25
    contrast: float = 1.0
    brightness: float = 0.0
    sharpening: float = 0.8
    flattening: float = 0.22
    marker: str = ""
    seed: int = 0
    remove_table: bool = True
    mask_mm: float = 2.0


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What to write of each case.

    Attributes
    ----------
    masks : formats of the mask files; a volume is written as NIfTI where PNG is asked for
    overlay : write ``overlay.png``
    boxes : draw a box about each single lesion of a film on its overlay, with number and certainty
    report : write ``report.html``
    probability : write probability maps in 8 bits, 0 to 255: as PNG, and of a volume as NIfTI on its own grid
    dicom : DICOM objects to write of a DICOM input: segmentations, structured report, secondary capture, report as PDF
    dicom_segments : how masks are stored in DICOM; ``labelmap`` is smaller, and fewer programs read it
    deidentify : take over nothing into the DICOM objects by which the patient could be known
    """

    masks: tuple[Literal["png", "nifti", "nrrd"], ...] = ("png",)
    overlay: bool = True
    boxes: bool = False
    report: bool = True
    probability: bool = False
    dicom: tuple[Literal["seg", "sr", "sc", "pdf"], ...] = ()
    dicom_segments: Literal["binary", "labelmap"] = "binary"
    deidentify: bool = False


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The service that turns arriving studies into results.

    Attributes
    ----------
    spool : folder of its queue: arriving objects, studies and their results
    ae_title : AE title by which senders call it
    host : address that it listens on; ``0.0.0.0`` for all of the machine's
    port : port of its DICOM listener; 0 switches the listener off
    allow_ae : AE titles that may send; none listed lets all
    allow_hosts : addresses or networks that may connect, such as ``10.1.0.0/16``; none listed lets all
    associations : senders at once; further ones are told to come again
    tls_cert : certificate in PEM, of this side in TLS; empty for connections in the clear
    tls_key : private key of that certificate, in PEM
    tls_ca : certificates in PEM by which the other side is judged; for the listener empty asks senders for none
    poll_url : DICOMweb service that is asked for new studies; empty for none
    poll_seconds : seconds between two questions
    poll_days : only studies of so many days are asked for, by Study Date; 0 asks for all
    poll_limit : studies that one page of its answers holds
    watch : folder whose files are taken in, and left where they are; empty for none
    web_credentials : file with ``user:password`` for the DICOMweb services; empty for none
    modalities : modalities that are analysed; the rest is refused
    quiet_seconds : a study counts as complete when nothing has arrived for it for so long
    workers : studies in work at once
    tries : how often a study is tried that fails for no fault of its own
    deliver : where results go: ``dicom://AE@host:port``, ``dicoms://AE@host:port`` with TLS, or the http or https
        address of a DICOMweb service
    deliver_tries : how often a result is sent before it is put aside for the operator
    retry_seconds : seconds before the second try; each further one waits twice as long, an hour at most
    spool_gb : largest size of the spool; objects that go beyond are answered "out of resources"
    keep_days : how long finished studies stay in the spool; 0 removes them once their results are delivered
    keep_gb : largest size of finished studies in the spool; the oldest go first
    health_host : address of the health and metrics page
    health_port : port of the health and metrics page; 0 switches it off
    worklist : URL of a reader's database, in which studies appear once they are done; they are put into ``web.folder``.
        Empty for none
    """

    spool: str = "hilum-spool"
    ae_title: str = "HILUM"
    host: str = "127.0.0.1"
    port: int = 11112
    allow_ae: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    associations: int = 10
    tls_cert: str = ""
    tls_key: str = ""
    tls_ca: str = ""
    poll_url: str = ""
    poll_seconds: float = 60.0
    poll_days: int = 2
    poll_limit: int = 500
    watch: str = ""
    web_credentials: str = ""
    modalities: tuple[str, ...] = ("CR", "DX", "CT")
    quiet_seconds: float = 30.0
    workers: int = 1
    tries: int = 3
    deliver: tuple[str, ...] = ()
    deliver_tries: int = 10
    retry_seconds: float = 10.0
    spool_gb: float = 50.0
    keep_days: float = 7.0
    keep_gb: float = 20.0
    health_host: str = "127.0.0.1"
    health_port: int = 11180
    worklist: str = ""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The reader: a page on this machine to load, look, correct and sign off.

    Attributes
    ----------
    folder : folder of the studies, and of the worklist unless ``web.database`` says otherwise
    host : address that it listens on; with any but this machine's own, people have to log in
    port : port that it listens on; 0 takes a free one
    database : URL of the worklist, such as ``postgresql+psycopg://user@host/name``; empty for a file in the folder
    login : people have to log in on this machine's own address, too
    upload_gb : largest size of one upload
    folder_gb : largest size of all studies
    workers : studies in work at once
    identities : take patient's number and study date from DICOM; otherwise a pseudonym stands for the number
    session_hours : hours until one has to log in again
    tls_cert : certificate in PEM; empty for connections in the clear
    tls_key : private key of that certificate, in PEM
    allowed_hosts : names by which browsers may call it, beside ``web.host`` and this machine's own
    """

    folder: str = "hilum-reader"
    host: str = "127.0.0.1"
    port: int = 8470
    database: str = ""
    login: bool = False
    upload_gb: float = 2.0
    folder_gb: float = 50.0
    workers: int = 1
    identities: bool = False
    session_hours: float = 12.0
    tls_cert: str = ""
    tls_key: str = ""
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a run."""

    read: ReadSettings = field(default_factory=ReadSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    film: FilmSettings = field(default_factory=FilmSettings)
    ct: CtSettings = field(default_factory=CtSettings)
    project: ProjectSettings = field(default_factory=ProjectSettings)
    output: OutputSettings = field(default_factory=OutputSettings)
    node: NodeSettings = field(default_factory=NodeSettings)
    web: WebSettings = field(default_factory=WebSettings)
