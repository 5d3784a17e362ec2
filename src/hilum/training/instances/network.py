"""Mask R-CNN of torchvision as a recipe wants it, and the weights that it begins with. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

from hilum.errors import ModelMismatch, SettingsError
from hilum.training.state_dict import read_state_dict

from .recipe import Detector, InstanceRecipe

PUBLISHED = {
    ("imagenet", "resnet18"): "resnet18-f37072fd.pth",
    ("imagenet", "resnet34"): "resnet34-b627a593.pth",
    ("imagenet", "resnet50"): "resnet50-0676ba61.pth",
    ("imagenet", "resnet101"): "resnet101-63fe2227.pth",
    ("coco", "resnet50"): "maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth",
}
"""torchvision's files of weights, as they are called where it downloads them to."""

WHERE_FROM = "https://download.pytorch.org/models/"

CLASSES = 2
"""Background and lesion."""

_OF_CLASSES = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
"""Layers as wide as there are classes: those of COCO's are left out."""

_BODY = "net.backbone.body."

Target = dict[str, Tensor]
"""``boxes`` (n, 4) as x, y, x, y; ``labels`` (n,); ``masks`` (n, rows, columns)."""


class InstanceNetwork(nn.Module):
    """Films to instances.

    Parameters
    ----------
    recipe : all settings
    begin : give the network the weights that the recipe asks for

    Raises
    ------
    SettingsError
        The weights are not on this machine.
    ModelMismatch
        Their file cannot be read, or does not fit.
    """

    def __init__(self, recipe: InstanceRecipe, *, begin: bool = True) -> None:
        super().__init__()
        self.net = _mask_rcnn(recipe.detector, recipe.view.size_px)
        if begin and recipe.detector.weights != "none":
            _begin(self.net, recipe.detector)

    def forward(self, film: Tensor, targets: Sequence[Target] | None = None) -> Any:
        """Losses by name in training; else of each film ``boxes``, ``scores``, ``masks`` (n, 1, S, S), 0 to 1.

        Parameters
        ----------
        film : (N, 1, S, S), 0 to 1
        targets : one a film; in training only
        """
        films = [each.expand(3, -1, -1) for each in film]
        return self.net(films, None if targets is None else list(targets))

    def train_layers(self, *, body: bool) -> None:
        """Let the backbone's own layers learn, or not; the pyramid and the heads always do."""
        for name, value in self.named_parameters():
            value.requires_grad_(body or not name.startswith(_BODY))


def _mask_rcnn(how: Detector, size: int) -> MaskRCNN:
    norm: Callable[..., nn.Module] = {
        "frozen": FrozenBatchNorm2d,
        "batch": nn.BatchNorm2d,
        "group": _group_norm,
    }[how.norm]
    backbone = resnet_fpn_backbone(backbone_name=how.backbone, weights=None, norm_layer=norm, trainable_layers=5)
    anchors = AnchorGenerator(tuple((side,) for side in how.anchors_px), ((0.5, 1.0, 2.0),) * len(how.anchors_px))
    return MaskRCNN(
        backbone,
        CLASSES,
        min_size=size,
        max_size=size,
        rpn_anchor_generator=anchors,
        rpn_nms_thresh=how.proposal_nms,
        rpn_post_nms_top_n_train=how.proposals[0],
        rpn_post_nms_top_n_test=how.proposals[1],
        box_batch_size_per_image=how.rois,
        box_positive_fraction=how.rois_positive,
        box_nms_thresh=how.detection_nms,
        box_score_thresh=how.least_score,
        box_detections_per_img=how.most_instances,
    )


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels)


def _begin(net: MaskRCNN, how: Detector) -> None:
    """Load a file: of a whole detector, with other classes or not, or of a backbone with its classifier."""
    file = _file_of(how)
    held = {name.removeprefix("net."): value for name, value in read_state_dict(file).items()}
    if any(name.startswith("backbone.") for name in held):
        own = net.state_dict()
        is_of_other_classes = any(
            name in held and held[name].shape != value.shape
            for name, value in own.items()
            if name.startswith(_OF_CLASSES)
        )
        left = _OF_CLASSES if is_of_other_classes else ()
        _load(net, {name: value for name, value in held.items() if not name.startswith(left)}, file, left)
    else:
        body: Any = net.backbone.body
        _load(body, {name: value for name, value in held.items() if not name.startswith("fc.")}, file, ())


def _load(module: nn.Module, held: Mapping[str, Tensor], file: Path, left: tuple[str, ...]) -> None:
    """A state dict that fits but for layers that are left as they are."""
    own = module.state_dict()
    wanted = [name for name in own if not (left and name.startswith(left)) and not name.endswith("num_batches_tracked")]
    wrong = [name for name in wanted if name not in held or held[name].shape != own[name].shape]
    if wrong:
        raise ModelMismatch(
            f"The weights in {str(file)!r} do not fit the detector: {len(wrong)} of its {len(wanted)} tensors are not "
            f"there or have another shape, such as {wrong[0]}. Give weights of the same detector.backbone and norm."
        )
    module.load_state_dict({**own, **{name: held[name] for name in wanted}})


def _file_of(how: Detector) -> Path:
    if how.weights not in ("imagenet", "coco"):
        return Path(how.weights)
    name = PUBLISHED.get((how.weights, how.backbone))
    if name is None:
        raise SettingsError(
            f"torchvision has no weights of {how.weights} for a Mask R-CNN on {how.backbone}, only on resnet50. Say "
            "detector.backbone=resnet50, or detector.weights=imagenet, or give a file of your own as detector.weights, "
            "or begin at random: detector.weights=none with detector.norm=group."
        )
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not file.is_file():
        raise SettingsError(
            f"The weights of {how.weights} for {how.backbone} are not on this machine, and Hilum downloads nothing to "
            f"train. Put {WHERE_FROM}{name} at {str(file)!r}, or name the file as detector.weights, or begin at "
            "random: --set detector.weights=none --set detector.norm=group."
        )
    return file
