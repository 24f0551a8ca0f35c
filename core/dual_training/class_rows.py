"""The backbone's own knowledge as pairs: its ImageNet classes, as features made from the classifier, with their names.

The classifier's row of a class says in which direction of the features it lies. For classes that share one covariance,
the row is the covariance's inverse times the distance of the class's mean from the mean of all (linear discriminant
analysis), so the covariance times the row gives that distance back. No picture is needed.
"""

from __future__ import annotations

import numpy as np

from core.encoders.efficientnet_lite import Features, load_efficientnet_lite2
from core.encoders.torchvision_operators import declare_torchvision_operators


def class_features(reference: Features) -> Features:
    """(1000, 1280): where the mean feature of each class would lie among ``reference`` (n, 1280), real features.

    Each is as far from the mean of all as a real picture typically is.
    """
    rows = load_efficientnet_lite2().classifier
    mean = reference.mean(0)
    distances = (rows - rows.mean(0)) @ np.cov(reference, rowvar=False).astype(np.float32)
    typical = np.median(np.linalg.norm(reference - mean, axis=1))
    distances *= typical / np.linalg.norm(distances, axis=1, keepdims=True)
    features: Features = np.clip(mean + distances, 0, 6).astype(np.float32)
    return features


def class_names() -> list[list[str]]:
    """The names of each of the 1000 classes: [..., ["tabby", "tabby cat"], ...]."""
    declare_torchvision_operators()
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(index).split(", ") for index in range(1000)]
