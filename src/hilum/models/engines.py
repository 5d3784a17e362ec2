"""The engines' own packages, imported so that they send nothing to anyone.

Both report their use to their makers by default: ``import openvino`` sends an event through ``openvino-telemetry``
and leaves an identifier in the home folder, and so does ONNX Runtime 1.29 and later when it is imported. Hilum
imports them only here.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

OPENVINO_CONVERTER = "openvino.tools.ovc"
"""The part of OpenVINO that sends an event when it is imported; it converts models and is not needed to run them."""

ONNXRUNTIME_SWITCH = "ORT_DISABLE_TELEMETRY"
"""Environment variable that ONNX Runtime reads once, when it is imported."""


def load_openvino() -> Any:
    """The module ``openvino`` without its converter, which may still be imported by its full name later."""
    if "openvino" in sys.modules or OPENVINO_CONVERTER in sys.modules:
        return import_module("openvino")
    sys.modules[OPENVINO_CONVERTER] = None  # pyright: ignore[reportArgumentType] - Python's way to refuse an import
    try:
        return import_module("openvino")
    finally:
        del sys.modules[OPENVINO_CONVERTER]


def load_onnxruntime() -> Any:
    """The module ``onnxruntime``, its telemetry off; the environment is afterwards as it was."""
    before = os.environ.get(ONNXRUNTIME_SWITCH)
    os.environ[ONNXRUNTIME_SWITCH] = "1"
    try:
        module = import_module("onnxruntime")
    finally:
        del os.environ[ONNXRUNTIME_SWITCH]
        if before is not None:
            os.environ[ONNXRUNTIME_SWITCH] = before
    module.disable_telemetry_events()
    return module
