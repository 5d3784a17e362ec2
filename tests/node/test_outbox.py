"""The record of what has to be sent, while rounds follow each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hilum.node.outbox import Delivery, deliveries, plan, settled, update


def result(folder: Path, uid: str, name: str = "sr") -> None:
    from pydicom import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.34", uid
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2", "1.2.3"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / "results" / "case" / f"{name}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)


def states(folder: Path) -> dict[tuple[str, str], str]:
    return {(item.instance_uid, item.destination): item.state for item in deliveries(folder)}


def sent(item: Delivery) -> Delivery:
    return settled(item, reason="", wait=1, now=0, most=3)


def test_every_object_goes_to_every_destination_and_what_was_sent_stays_sent(tmp_path) -> None:
    result(tmp_path, "1.1")
    plan(tmp_path, ("a", "b"))
    assert states(tmp_path) == {("1.1", "a"): "waiting", ("1.1", "b"): "waiting"}
    update(tmp_path, sent(deliveries(tmp_path)[0]))
    plan(tmp_path, ("a", "b"))
    assert states(tmp_path) == {("1.1", "a"): "sent", ("1.1", "b"): "waiting"}


def test_a_delivery_that_ends_after_the_next_round_was_planned_does_not_undo_the_plan(tmp_path) -> None:
    result(tmp_path, "1.1")
    plan(tmp_path, ("a",))
    (on_its_way,) = deliveries(tmp_path)
    result(tmp_path, "1.2")
    plan(tmp_path, ("a",))
    update(tmp_path, sent(on_its_way))
    assert states(tmp_path) == {("1.2", "a"): "waiting"}


def test_a_refused_object_waits_and_is_dead_in_the_end_until_the_next_round(tmp_path) -> None:
    result(tmp_path, "1.1")
    plan(tmp_path, ("a",))
    (item,) = deliveries(tmp_path)
    once = settled(item, reason="status-C001", wait=10, now=100, most=2)
    assert once == replace(item, tries=1, not_before=110, reason="status-C001")
    update(tmp_path, settled(once, reason="status-C001", wait=20, now=120, most=2))
    assert states(tmp_path) == {("1.1", "a"): "dead"}
    plan(tmp_path, ("a",))
    assert states(tmp_path) == {("1.1", "a"): "waiting"}
