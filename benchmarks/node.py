"""Films sent to a node by several senders at once: none lost, memory flat, throughput.

Run: ``python benchmarks/node.py``. Two hundred phantom films are sent by four senders to ``hilum node``, a process of
its own, whose results go by C-STORE to a listener in this one. Sizes, engine and workers are options.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pydicom

from hilum.phantom import sample_film, write_dicom

SEG, SR, SC, PDF = (f"1.2.840.10008.5.1.4.1.1.{each}" for each in ("66.4", "88.34", "7", "104.1"))


def make_films(folder: Path, count: int, side: int) -> list[Path]:
    """Films of ten phantoms, each a study of its own."""
    made = [write_dicom(sample_film(n, severity=0.5, shape=(side, side)), folder / f"base-{n}.dcm") for n in range(10)]
    paths: list[Path] = []
    for number in range(count):
        dataset = pydicom.dcmread(made[number % len(made)])
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, f"2.25.{10**20 + number}{len(keyword)}")
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        paths.append(folder / f"film-{number}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def send(paths: list[Path], port: int, refused: list[str]) -> None:
    """Send films over one association."""
    from pynetdicom import AE

    entity = AE("SENDER")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.1.1")
    link = entity.associate("127.0.0.1", port, ae_title="HILUM")
    for path in paths:
        status = link.send_c_store(path)
        if "Status" not in status or status.Status != 0:
            refused.append(path.name)
    link.release()


def figures(port: int) -> dict[str, float]:
    """The node's metrics; none if it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return {}
    return {name: float(value) for name, value in re.findall(r"^(hilum\S+) (\S+)$", text, flags=re.MULTILINE)}


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--side", type=int, default=512, help="pixels along a side")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="of each inference; 0 for all cores")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two lines")
    parser.add_argument("--port", type=int, default=21112, help="the node's; the two after it are taken as well")
    return parser.parse_args()


def start(folder: Path, chosen: argparse.Namespace) -> subprocess.Popen[bytes]:
    """The node, as a process of its own."""
    settings = [
        f"node.workers={chosen.workers}",
        f"runtime.threads={chosen.threads}",
        "node.quiet_seconds=2.0",
        "output.report=false",
        "output.overlay=false",
    ]
    command = [sys.executable, "-m", "hilum", "node", "--spool", str(folder / "spool"), "--port", str(chosen.port)]
    command += ["--health-port", str(chosen.port + 1), "--deliver", f"dicom://DEST@127.0.0.1:{chosen.port + 2}"]
    command += [part for each in settings for part in ("--set", each)]
    return subprocess.Popen(command, stderr=(folder / "log").open("wb"), env=os.environ)


def main() -> int:
    """Print how it went; 1 if anything was lost."""
    chosen = options()
    from pynetdicom import AE, evt

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = make_films(folder, chosen.films, chosen.side)
        got: set[str] = set()

        def store(event: evt.Event) -> int:
            request: Any = event.request  # a C-STORE
            if request.AffectedSOPClassUID == SR:
                got.add(str(request.AffectedSOPInstanceUID))
            return 0

        receiver = AE("DEST")
        for sop_class in (SEG, SR, SC, PDF):
            receiver.add_supported_context(sop_class)
        listener: Any = receiver.start_server(
            ("127.0.0.1", chosen.port + 2), block=False, evt_handlers=[(evt.EVT_C_STORE, store)]
        )
        process = start(folder, chosen)
        try:
            while not figures(chosen.port + 1):
                time.sleep(0.2)
            is_whole = measure(films, chosen, got)
        finally:
            process.terminate()
            process.wait(60)
            listener.shutdown()
    return 0 if is_whole else 1


def measure(films: list[Path], chosen: argparse.Namespace, got: set[str]) -> bool:
    """Send, watch until every study has ended and its report has come; whether all did."""
    refused: list[str] = []
    began = time.monotonic()
    parts = [films[number :: chosen.senders] for number in range(chosen.senders)]
    senders = [threading.Thread(target=send, args=(part, chosen.port, refused)) for part in parts]
    for each in senders:
        each.start()
    sent, memory = 0.0, list[float]()
    print(f"{'s':>6} {'done':>5} {'reports':>8} {'RSS MB':>7}")
    while True:
        now = figures(chosen.port + 1)
        if not sent and not any(each.is_alive() for each in senders):
            sent = time.monotonic() - began
        ended = {state: now.get(f'hilum_node_studies{{state="{state}"}}', 0) for state in ("done", "refused", "failed")}
        memory.append(now.get("hilum_node_resident_bytes", 0) / 1e6)
        print(f"{time.monotonic() - began:6.0f} {ended['done']:5.0f} {len(got):8d} {memory[-1]:7.0f}", flush=True)
        if sum(ended.values()) >= len(films) and len(got) >= ended["done"]:
            break
        time.sleep(chosen.every)
    seconds = time.monotonic() - began
    half = len(memory) // 2
    print(
        f"{len(films)} films of {chosen.side} pixels by {chosen.senders} senders: all taken in after {sent:.1f} s, "
        f"{len(refused)} refused; {ended['done']:.0f} done, {ended['refused']:.0f} refused, {ended['failed']:.0f} "
        f"failed after {seconds:.1f} s: {len(films) / seconds:.2f} films a second.\n"
        f"Reports at the destination: {len(got)}. Largest memory, first half: {max(memory[: half + 1]):.0f} MB, second "
        f"half: {max(memory[half:]):.0f} MB."
    )
    return not refused and ended["done"] == len(films) == len(got)


if __name__ == "__main__":
    sys.exit(main())
