"""Tiny trees in the exact layouts of the data sets. Every film is 7 x 11 and every slice 7 x 11 unless it says so."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import h5py
import nibabel
import numpy as np
from PIL import Image as Picture

from hilum.geometry import PlaneGrid
from hilum.image import Image, Quantity
from hilum.phantom import write_dicom, write_series
from hilum.provenance import Source
from hilum.readers import volume_from_array

SHAPE = (7, 11)
DEPTH = 3
AFFINE = np.diag([-0.8, -0.7, 2.5, 1.0])
"""Columns towards the left, rows towards the back, slices towards the head: axial as stored."""


def grey(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """No two rows and no two columns alike."""
    rows, columns = np.indices(shape)
    return (rows * 20 + columns).astype(np.uint8)


def at_left(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """True in the two columns at the picture's left edge, but for the first row."""
    made = np.zeros(shape, bool)
    made[1:, :2] = True
    return made


def at_right(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """True in the three columns at the picture's right edge, but for the last row."""
    made = np.zeros(shape, bool)
    made[:-1, -3:] = True
    return made


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    Picture.fromarray(array).save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def volume(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """A NIfTI file of an array of shape (slices, rows, columns)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), affine), path)


def hounsfield(depth: int = DEPTH) -> np.ndarray:
    return np.stack([grey()] * depth).astype(np.int16) * 10 - 1000 + np.arange(depth, dtype=np.int16)[:, None, None]


def stacked(plane: np.ndarray, depth: int = DEPTH) -> np.ndarray:
    return np.stack([plane.astype(np.uint8)] * depth)


def both_lungs(right: int, left: int) -> np.ndarray:
    return stacked(at_left() * right + at_right() * left)


def zenodo(root: Path) -> None:
    for name in ("coronacases_001", "radiopaedia_29_86490_1", "radiopaedia_29_86491_1"):
        image = hounsfield() if name.startswith("corona") else stacked(grey()).astype(np.int16)
        lungs, infection = both_lungs(2, 1), stacked(np.eye(*SHAPE))
        volume(root / "COVID-19-CT-Seg_20cases" / f"{name}.nii.gz", image)
        volume(root / "Lung_and_Infection_Mask" / f"{name}.nii.gz", np.where(infection > 0, 3, lungs).astype(np.uint8))
        if name.startswith("corona"):
            volume(root / "Lung_Mask" / f"{name}.nii.gz", lungs)
            volume(root / "Infection_Mask" / f"{name}.nii.gz", infection)


def zenodo_kaggle(root: Path) -> None:
    image = {"coronacases_org_001": "coronacases_001"}
    image["radiopaedia_org_covid-19-pneumonia-10_85902_1-dcm"] = "radiopaedia_10_85902_1"
    for long, short in image.items():
        volume(root / "ct_scans" / f"{long}.nii", stacked(grey()).astype(np.int16))
        volume(root / "lung_mask" / f"{short}.nii", both_lungs(2, 1))
        volume(root / "infection_mask" / f"{short}.nii", stacked(np.eye(*SHAPE)).astype(np.float32) * 0.996)


def zenodo_miscnn(root: Path) -> None:
    volume(root / "coronacases_001" / "imaging.nii.gz", hounsfield())
    volume(root / "coronacases_001" / "segmentation.nii.gz", both_lungs(2, 1) + 3 * (stacked(grey() == 45)))


def mosmed(root: Path) -> None:
    for name, grade in (("study_0001", "CT-0"), ("study_0255", "CT-1"), ("study_1110", "CT-4")):
        volume(root / "studies" / grade / f"{name}.nii.gz", hounsfield())
    volume(root / "masks" / "study_0255_mask.nii.gz", stacked(at_right()))


def mosmed_kaggle(root: Path) -> None:
    volume(root / "studies" / "study_0255.nii", hounsfield())
    volume(root / "masks" / "study_0255_mask.nii", stacked(at_right()))


def medseg_1(root: Path) -> None:
    classes = np.stack([at_right() * (number + 1) for number in range(DEPTH)]).astype(np.uint8)
    volume(root / "tr_im.nii.gz", hounsfield().astype(np.float32) + 0.25)
    volume(root / "tr_mask.nii.gz", classes.astype(np.float32))
    volume(root / "tr_lungmasks_updated.nii.gz", both_lungs(1, 2))
    volume(root / "val_im.nii.gz", hounsfield(2))


def medseg_2(root: Path) -> None:
    shifted = AFFINE.copy()
    shifted[:3, 3] = (40.0, -30.0, 7.0)
    for number in (1, 2, 10):
        volume(root / "rp_im" / f"{number}.nii.gz", hounsfield(), shifted)
        volume(root / "rp_msk" / f"{number}.nii.gz", stacked(at_right() * 3))  # its header lacks the origin
        volume(root / "rp_lung_msk" / f"{number}.nii.gz", both_lungs(1, 2), shifted)


def medseg_h5(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / "stack.h5", "w") as file:
        file["image"] = hounsfield()
        file["mask"] = np.stack([at_right() * (number + 1) for number in range(DEPTH)]).astype(np.uint8)
    with h5py.File(root / "slice_7.h5", "w") as file:
        file["image"] = hounsfield()[0]
        file["mask"] = at_right().astype(np.uint8) * 2
        file["lung_mask"] = both_lungs(1, 2)[0]


def covid_ct_md(root: Path) -> None:
    for group, name in (("COVID-19", "P001"), ("CAP", "cap001"), ("Normal", "normal001")):
        image = volume_from_array(hounsfield(4), spacing_mm=(2.0, 0.7, 0.8))
        write_series(image, root / f"{group} subjects" / name)
    text(root / "Index.csv", "Label Index,Diagnosis,Relative Path,Folder/ID", "0,COVID-19,./COVID-19/,P001")
    slices, lobes = np.zeros((1, 9)), np.zeros((1, 9, 5))
    slices[0, 1:3] = lobes[0, 1:3, 0] = lobes[0, 2, 4] = 1
    np.save(root / "Slice-level-labels.npy", slices)
    np.save(root / "Lobe-level-labels.npy", lobes)


def box(left: float, top: float, right: float, bottom: float) -> list[dict[str, float]]:
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [{"x": x, "y": y} for x, y in corners]


def darwin(root: Path) -> None:
    """A film of version 1, one of version 2.0 with a hole, a lateral, and a slice of CT."""
    lungs = [{"name": "Lung", "polygon": {"path": box(*at)}} for at in ((0, 1, 1, 6), (8, 0, 10, 5))]
    ignore = {"name": "Ignore", "polygon": {"path": box(9, 4, 10, 5)}}
    tags = [{"name": name, "tag": {}} for name in ("Viral Pneumonia", "COVID-19", "View/PA", "Age/57", "Patient ID/12")]
    one = {"image": _darwin_image("000001.png"), "annotations": [*lungs, ignore, *tags]}
    slot = {"width": SHAPE[1], "height": SHAPE[0]}
    ring = {"name": "Lung", "polygon": {"paths": [box(0, 0, 6, 6), box(2, 2, 4, 4)]}}
    two = {"version": "2.0", "item": {"name": "000002.png", "path": "/", "slots": [slot]}, "annotations": [ring]}
    three = {"image": _darwin_image("000003.png"), "annotations": [{"name": "View/Lateral", "tag": {}}]}
    four = {"image": _darwin_image("000004.png"), "annotations": [{"name": "CT", "tag": {}}]}
    for number, data in enumerate((one, two, three, four), 1):
        save(root / "images" / f"{number:06d}.png", grey())
        text(root / "releases" / "all-images" / "annotations" / f"{number:06d}.json", json.dumps(data))


def _darwin_image(name: str) -> dict[str, object]:
    return {"width": SHAPE[1], "height": SHAPE[0], "filename": name, "original_filename": f"x-{name}", "path": "/"}


def montgomery(root: Path) -> None:
    """``leftMask`` is the lung at the picture's left edge."""
    for name in ("MCUCXR_0001_0", "MCUCXR_0104_1"):
        save(root / "CXR_png" / f"{name}.png", grey())
        save(root / "ManualMask" / "leftMask" / f"{name}.png", at_left())
        save(root / "ManualMask" / "rightMask" / f"{name}.png", at_right())
        text(root / "ClinicalReadings" / f"{name}.txt", "Patient's Sex: F ", "Patient's Age: 027Y", "normal", "no more")


def shenzhen(root: Path) -> None:
    for name in ("CHNCXR_0001_0", "CHNCXR_0660_1"):
        save(root / "CXR_png" / f"{name}.png", grey())
        text(root / "ClinicalReadings" / f"{name}.txt", "male 45yrs", "PTB in the right upper field")
    save(root / "mask" / "CHNCXR_0001_0_mask.png", at_left() | at_right())


def jsrt(root: Path) -> None:
    """The film is dark at its first row; the masks have half as many rows and columns."""
    density = np.zeros((2048, 2048), ">u2")
    density[0] = 4095
    (root / "All247images").mkdir(parents=True)
    density.tofile(root / "All247images" / "JPCLN001.IMG")
    density.tofile(root / "All247images" / "JPCNN002.IMG")
    for side, mask in (("left", at_right((1024, 1024))), ("right", at_left((1024, 1024)))):
        save(root / "scr" / "scratch" / "fold1" / "masks" / f"{side} lung" / "JPCLN001.gif", mask)
    line = "JPCLN001.IMG\t5\t15\t53\tFemale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer"
    text(root / "Clinical_Information" / "CLNDAT_EN.txt", line)
    text(root / "Clinical_Information" / "CNNDAT_EN.TXT", "JPCNN002.IMG\t61\tMale\tnon-nodule")


def general_blockchain(root: Path) -> None:
    head = "#,Taxonomy,Class,Template Name,File Folder,Filename,Image,Tag,Mask,Resolution,Top,Left,Width,Height,Points"
    rows = []
    for number, (name, top, left, bits) in enumerate(
        (
            ("Airways", 0, 4, np.ones((2, 2), bool)),
            ("Ground Glass Opacities", 1, 0, np.ones((4, 2), bool)),
            ("Ground Glass Opacities", 0, 8, np.eye(3, dtype=bool)),
            ("Consolidation", 2, 1, np.ones((1, 3), bool)),
            ("Pleural Effusion", 5, 9, np.ones((4, 4), bool)),  # hangs over the edge
            ("Right Lung", 1, 0, np.ones((6, 2), bool)),
            ("Left Lung", 0, 8, np.ones((6, 3), bool)),
        ),
        1,
    ):
        save(root / "masks" / f"0fc7_{number}.png", bits)
        size = f"{bits.shape[1]},{bits.shape[0]}"
        rows.append(
            f'{number},,"COVID-19 {name}","{name}",,"film 1.png",images/0fc7.jpg,tags/0fc7_{number}.png,'
            f"masks/0fc7_{number}.png,11x7,{top},{left},{size},"
        )
    text(root / "structure.csv", head, *rows)
    save(root / "images" / "film 1.png", grey())
    text(root / "metadata.csv", "patientid,filename,finding,view,license", "17,film 1.png,COVID-19,PA,CC BY 4.0")


def film(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image(grey((64, 80)).astype(np.uint16) * 4, PlaneGrid((64, 80)), Quantity.RADIOGRAPH, Source("x", "0" * 64))
    write_dicom(image, path)


def brixia(root: Path) -> None:
    head = "Filename;StudyDate;Modality;StudyId;BrixiaScore;BrixiaScoreGlobal;ConsensusTestset;Subject;Sex"
    rows = ("100.dcm;20200304;CR;9;110;2;0;77;F", "101.dcm;20200305;DX;10;321003;9;1;77;M")
    text(root / "metadata_global_v2.csv", head, *rows)
    consensus = "Filename,ModeA,ModeB,ModeC,ModeD,ModeE,ModeF,ModeGlobal"
    text(root / "metadata_consensus_v1.csv", consensus, "101.dcm,3,2,1,0,0,2,8")
    for name in ("100.dcm", "101.dcm"):
        film(root / "dicom_clean" / name)


def brixia_public(root: Path) -> None:
    zones = [f"{reader}-{zone}" for reader in "SJ" for zone in (*"ABCDEF", "Global")]
    text(root / "public-annotations.csv", ",".join(["filename", *zones]), "immagine 2.png,1,2,3,0,0,1,7,0,2,3,0,0,1,6")
    save(root / "public-cohen-subset" / "immagine 2.png", grey())


def packed(bits: np.ndarray) -> str:
    """A bitmap as Supervisely writes it: a PNG of two colours, the first of them transparent."""
    picture, file = Picture.fromarray(bits.astype(np.uint8)), BytesIO()
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(file, format="PNG", transparency=0)
    return base64.b64encode(zlib.compress(file.getvalue())).decode()


def bitmap(title: str, bits: np.ndarray, origin: tuple[int, int]) -> dict[str, object]:
    place = {"data": packed(bits), "origin": list(origin)}
    return {"classTitle": title, "geometryType": "bitmap", "bitmap": place, "points": {"exterior": [], "interior": []}}


def supervisely(root: Path) -> None:
    """Two bitmaps whose boxes overlap, a polygon of another class, tags; a normal film."""
    first, second = bitmap("COVID-19", np.eye(4), (1, 1)), bitmap("COVID-19", np.eye(4)[::-1], (1, 1))
    points = {"exterior": [[0, 0], [3, 0], [3, 2], [0, 2]], "interior": []}
    lungs = {"classTitle": "Lungs", "geometryType": "polygon", "points": points}
    tags = [
        {"name": "Score R", "value": 4},
        {"name": "Score D", "value": "3"},
        {"name": "Poor quality D", "value": None},
    ]
    size = {"height": SHAPE[0], "width": SHAPE[1]}
    text(root / "meta.json", "{}")
    for folder, name, objects, told in (
        ("ACCD", "a.png", [first, second, lungs], tags),
        ("RSNA", "b.png", [], [{"name": "Normal", "value": None}]),
    ):
        save(root / folder / "img" / name, grey())
        text(root / folder / "ann" / f"{name}.json", json.dumps({"size": size, "tags": told, "objects": objects}))


def covid_qu_ex(root: Path) -> None:
    infection, lung = "Infection Segmentation Data", "Lung Segmentation Data"
    for subset, part, finding, name in (
        (infection, "Train", "COVID-19", "covid_1"),
        (infection, "Test", "Normal", "Normal (2)"),
        (lung, "Val", "COVID-19", "covid_1"),
        (lung, "Train", "Non-COVID", "non_COVID (3)"),
    ):
        folder = root / subset / subset / part / finding
        save(folder / "images" / f"{name}.png", grey())
        save(folder / "lung masks" / f"{name}.png", at_left() | at_right())
        if subset == infection:
            save(
                folder / "infection masks" / f"{name}.png", at_right() if finding == "COVID-19" else at_right() & False
            )


def nih(root: Path) -> None:
    head = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    head += "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
    rows = (
        "00000001_000.png,Cardiomegaly|Effusion,0,1,58,M,PA,2048,3072,0.143,0.143,",
        "00000002_000.png,No Finding,0,2,81,F,AP,2500,2048,0.171,0.171,",
        "00000003_000.png,Hernia,0,3,81,F,PA,2500,2048,0.171,0.171,",
    )
    text(root / "Data_Entry_2017.csv", head, *rows)
    text(root / "train_val_list.txt", "00000001_000.png")
    text(root / "test_list.txt", "00000002_000.png")
    save(root / "images_001" / "images" / "00000001_000.png", grey())
    save(root / "images" / "00000002_000.png", grey())


TREES: tuple[tuple[str, str, Callable[[Path], None], int], ...] = (
    ("zenodo", "zenodo-3757476", zenodo, 3),
    ("zenodo-kaggle", "zenodo-3757476", zenodo_kaggle, 2),
    ("zenodo-miscnn", "zenodo-3757476", zenodo_miscnn, 1),
    ("mosmed", "mosmed", mosmed, 3),
    ("mosmed-kaggle", "mosmed", mosmed_kaggle, 1),
    ("medseg-1", "medseg-1", medseg_1, DEPTH + 2),
    ("medseg-2", "medseg-2", medseg_2, 3),
    ("medseg-h5", "medseg-h5", medseg_h5, DEPTH + 1),
    ("covid-ct-md", "covid-ct-md", covid_ct_md, 3),
    ("darwin", "darwin", darwin, 4),
    ("montgomery", "montgomery", montgomery, 2),
    ("shenzhen", "shenzhen", shenzhen, 2),
    ("jsrt", "jsrt", jsrt, 2),
    ("general-blockchain", "general-blockchain", general_blockchain, 1),
    ("brixia", "brixia", brixia, 2),
    ("brixia-public", "brixia", brixia_public, 1),
    ("supervisely", "supervisely", supervisely, 2),
    ("covid-qu-ex", "covid-qu-ex", covid_qu_ex, 4),
    ("nih", "nih-chestxray14", nih, 2),
)
"""Name of the tree, id of the source, what makes it, and how many cases it holds."""
