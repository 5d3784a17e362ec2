"""The first inferences of a process may come from several threads at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys, threading
import numpy as np
from hilum.models.network import open_networks
from hilum.settings import RuntimeSettings

sys.setswitchinterval(1e-6)
(network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(engine=sys.argv[1]), many=True)
film = np.zeros((1, network.size_px, network.size_px), np.float32)
barrier, done = threading.Barrier(8), []

def infer():
    barrier.wait()
    done.append(network.run({"film": film}))

threads = [threading.Thread(target=infer, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(done))
"""


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_eight_first_inferences_at_once_all_come_back(engine: str) -> None:
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, engine], capture_output=True, text=True, timeout=600, check=True
    )
    assert made.stdout.strip() == "8"
