"""What half precision costs in quality."""

from collections.abc import Sequence
from statistics import fmean

import torch

from aldsr.data import SuperResolutionData
from aldsr.evaluation.bicubic import score_images
from aldsr.evaluation.inference import Inference
from aldsr.imaging import LITERATURE
from aldsr.nn import fold
from aldsr.nn.pretrained import packaged_weights
from aldsr.nn.weights import load_network


def precision_differences(precisions: Sequence[str], device: torch.device) -> dict[str, float]:
    """PSNR-Y (dB) of the package's network, x4, on scikit-image's photographs, less that in 32-true."""
    if not precisions:
        return {}
    network, _ = load_network(packaged_weights(4))
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=None)
    data.prepare_data()
    means = {}
    for precision in ("32-true", *precisions):
        upscale = Inference(fold(network), precision=precision).eval().to(device)
        scores = score_images(upscale, data.benchmarks[0], {"y": LITERATURE}, device)
        means[precision] = fmean(image["psnr"] for image in scores["y"].values())
    return {precision: means[precision] - means["32-true"] for precision in precisions}
