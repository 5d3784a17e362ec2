"""Parameters, operations, memory and speed of the nine published networks, at their encoders and sizes.

    python benchmarks/architectures.py FOLDER [--stage lungs lesions] [--only U-net ...] [--seconds 5]

No training is needed: random weights take as long as trained ones. The figures of each network go to a file of their
own in FOLDER, and what is there already is not measured again; the whole table is FOLDER/architectures.md.

"MACs" counts every convolution and product of matrices (torch's own FlopCounterMode, halved). "MACs, as published
counted" is what ptflops tells, with which the published figures were made: it passes over convolutions of classes that
it does not know, which are nearly all of an EfficientNet, and in its versions of the time it counted transposed
convolutions, which Linknet has, for each pixel of the output and not of the input. "training GB" is what a step on the
published batch has to keep: the tensors that the backward pass needs, the weights, their gradients and two moments, in
32 bits, without what a graphics card takes beside. "MB" are of a whole process that looks at one film after the other;
films/s are likewise of single films and of the forward pass alone, for a second of one core: processor time is counted
with one thread, so that whatever else the machine does takes nothing from any network. Needs the extra "train";
without ptflops its column stays empty.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import machine, spend, table
from nine import NETWORKS, Network, Stage, build, put
from speed import ENGINES, export, films_a_second, kept_bytes, looker, macs


def parameters(network: Network) -> int:
    """How many there are."""
    return sum(parameter.numel() for parameter in build(network).parameters())


def published_count(network: Network) -> float | None:
    """By the rule of the published figures; None without ptflops, or where it cannot count."""
    if importlib.util.find_spec("ptflops") is None:
        return None
    from ptflops import get_model_complexity_info  # pyright: ignore[reportMissingImports] - in no extra
    from torch.nn import ConvTranspose2d

    shape = (3, network.size_px, network.size_px)
    found = get_model_complexity_info(
        build(network).eval(),
        shape,
        as_strings=False,
        print_per_layer_stat=False,
        backend="pytorch",
        custom_modules_hooks={ConvTranspose2d: _at_the_output},
    )[0]
    return None if found is None else float(found)


def _at_the_output(module: Any, _: Any, made: Any) -> None:
    """Operations of a transposed convolution as ptflops counted them then: once for each pixel that comes out."""
    kernel = module.kernel_size[0] * module.kernel_size[1] * module.in_channels * module.out_channels // module.groups
    module.__flops__ += kernel * made.shape[0] * made.shape[2] * made.shape[3]


def training_bytes(network: Network) -> float:
    """What a step of training on the published batch keeps."""
    return kept_bytes(build(network), network.size_px, network.published.batch)


def child(network: Network, engine: str, onnx: Path, seconds: float) -> None:
    """Write the network's file, or print how many films an engine looks at in a second."""
    if engine == "export":
        export(build(network), network.size_px, onnx)
        return
    look = looker(engine, network.size_px, model=lambda: build(network), onnx=onnx)
    print(json.dumps({"films/s": films_a_second(look, seconds)}))


def counts(network: Network) -> dict[str, Any]:
    """What of a network can be told without the clock."""
    return {
        "parameters": parameters(network),
        "macs": macs(build(network), network.size_px),
        "macs_as_published": published_count(network),
        "training_bytes": training_bytes(network),
    }


def speeds(network: Network, seconds: float) -> dict[str, Any]:
    """Films a second and memory of every engine, each in a process of its own."""
    made: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder, "--seconds", str(seconds), "--child", network.key]
        onnx = Path(folder) / "network.onnx"
        spend([*command, "export", onnx])
        for engine in ENGINES:
            spent = spend([*command, engine, onnx])
            told = json.loads(spent.output.splitlines()[-1])
            made[engine] = {"films/s": told["films/s"], "peak_mb": spent.peak_mb}
    return made


def row(network: Network, found: dict[str, Any]) -> dict[str, Any]:
    """A line of the table."""
    published, counted = network.published, found["macs_as_published"]
    line: dict[str, Any] = {
        "network": network.name,
        "encoder": network.encoder,
        "px": network.size_px,
        "parameters M": f"{found['parameters'] / 1e6:.1f}",
        "MACs G": f"{found['macs'] / 1e9:.1f}",
        "MACs G, as published counted": "-" if counted is None else f"{counted / 1e9:.1f}",
        "training GB": f"{found['training_bytes'] / 1e9:.1f}",
    }
    for engine in ENGINES:
        is_timed = engine in found
        line[f"{engine} films/s"] = f"{found[engine]['films/s']:.2f}" if is_timed else "-"
        line[f"{engine} MB"] = f"{found[engine]['peak_mb']:.0f}" if is_timed else "-"
    if network.stage == "lungs":
        line |= {
            "published: parameters M": published.parameters_m,
            "published: MACs G": published.macs_g,
            "published: training GB": published.memory_gb,
        }
    return line


def tables(folder: Path) -> str:
    """All that has been measured, stage by stage, in Markdown."""
    parts: list[str] = []
    for stage, title in (("lungs", "Stage I, lungs"), ("lesions", "Stage II, lesions")):
        found = [
            row(network, json.loads((folder / f"{network.key}.json").read_text(encoding="utf-8")))
            for network in NETWORKS
            if network.stage == stage and (folder / f"{network.key}.json").is_file()
        ]
        if found:
            parts.append(f"### {title}\n\n{table(found)}\n")
    return "\n".join(parts)


def main() -> int:
    """Measure what has not been measured yet, and write the table."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder", type=Path)
    stages: list[Stage] = ["lungs", "lesions"]
    made.add_argument("--stage", nargs="+", choices=stages, default=stages)
    made.add_argument("--only", nargs="+", metavar="NAME", default=[network.name for network in NETWORKS])
    made.add_argument("--seconds", type=float, default=5.0, help="of looking at films with each engine; 0 for none")
    made.add_argument("--page", type=Path, metavar="FILE", help="put the tables into this page, too")
    made.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.child:
        key, engine, onnx = given.child
        child(next(each for each in NETWORKS if each.key == key), engine, Path(onnx), given.seconds)
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    chosen = [network for network in NETWORKS if network.stage in given.stage and network.name in given.only]
    for network in chosen:
        _add(given.folder, network, "parameters", lambda network=network: counts(network))
    for network in chosen if given.seconds else ():
        _add(given.folder, network, ENGINES[-1], lambda network=network: speeds(network, given.seconds))
    if given.page:
        put(given.page, "architectures", tables(given.folder))
    print(tables(given.folder))
    return 0


def _add(folder: Path, network: Network, key: str, measure: Callable[[], dict[str, Any]]) -> None:
    """Add to a network's file what it lacks, and write the table anew."""
    path = folder / f"{network.key}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if key in found:
        return
    print(f"{network.key} ...", file=sys.stderr, flush=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(found | measure(), indent=2) + "\n", encoding="utf-8")
    unfinished.rename(path)
    (folder / "architectures.md").write_text(tables(folder), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
