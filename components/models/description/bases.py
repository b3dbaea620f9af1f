"""The pretrained networks that the transfer family can stand on, as plain data; light: imports no Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["caffe", "tf", "torch", "pixels"]


@dataclass(frozen=True)
class Base:
    """One network of keras.applications, or ours.

    Attributes:
      constructor: Name of the function in ``keras.applications``.
      minimum: Smallest height and width that it reads without its top; equal to ``size`` where it reads no other.
      size: Height and width that its ImageNet weights were trained at, in pixels.
      scale: Pixels that it expects: ``caffe`` BGR in [0, 255] minus the ImageNet means, ``tf`` [-1, 1],
        ``torch`` [0, 1] normalised by the ImageNet means and deviations, ``pixels`` [0, 255] (it scales them
        itself).
    """

    constructor: str
    minimum: int
    size: int
    scale: Scale


def _bases(scale: Scale, minimum: int, size: int, **constructors: str) -> dict[str, Base]:
    return {name: Base(constructor, minimum, size, scale) for name, constructor in constructors.items()}


BASES: dict[str, Base] = {
    **_bases("caffe", 32, 224, squeezenet="SqueezeNet"),
    **_bases("tf", 71, 299, xception="Xception"),
    **_bases("tf", 75, 299, inception_v3="InceptionV3", inception_resnet_v2="InceptionResNetV2"),
    **_bases("caffe", 32, 224, vgg16="VGG16", vgg19="VGG19"),
    **_bases("caffe", 32, 224, resnet50="ResNet50", resnet101="ResNet101", resnet152="ResNet152"),
    **_bases("tf", 32, 224, resnet50_v2="ResNet50V2", resnet101_v2="ResNet101V2", resnet152_v2="ResNet152V2"),
    **_bases("tf", 32, 224, mobilenet="MobileNet", mobilenet_v2="MobileNetV2"),
    **_bases("tf", 224, 224, nasnet_mobile="NASNetMobile"),
    **_bases("tf", 331, 331, nasnet_large="NASNetLarge"),
    **_bases("pixels", 32, 224, mobilenet_v3_small="MobileNetV3Small", mobilenet_v3_large="MobileNetV3Large"),
    **_bases("torch", 32, 224, densenet121="DenseNet121", densenet169="DenseNet169", densenet201="DenseNet201"),
    **_bases("pixels", 32, 224, convnext_tiny="ConvNeXtTiny", convnext_small="ConvNeXtSmall"),
    **_bases("pixels", 32, 224, convnext_base="ConvNeXtBase", convnext_large="ConvNeXtLarge"),
    **_bases("pixels", 32, 224, convnext_xlarge="ConvNeXtXLarge"),
    **{
        f"efficientnet_b{n}": Base(f"EfficientNetB{n}", 32, size, "pixels")
        for n, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
    },
    **{
        f"efficientnet_v2_{letter.lower()}": Base(f"EfficientNetV2{letter}", 32, size, "pixels")
        for letter, size in {"B0": 224, "B1": 240, "B2": 260, "B3": 300, "S": 384, "M": 480, "L": 480}.items()
    },
}
