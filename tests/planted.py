"""A study whose networks never trained: tiny ones with random weights, with made-up scores, images and logs."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from aldsr.data import SuperResolutionData
from aldsr.nn.description import build
from aldsr.nn.weights import write_weights
from tests.analysis.fake_runs import fake_config, fake_results, write_run

NAME = "look </script><script>document.title = 'broken'</script>"  # of the study, as nobody should call one
PSNR = {"RDN": [30.0, 31.0, 32.0], "DW-RDN": [30.5, 30.9, 34.0]}  # of three images: the last differs most
PARAMETERS = {"RDN": 40_000, "DW-RDN": 9_000}
TINY = {"D": 1, "C": 2, "G": 8, "G0": 8, "residual": "bicubic"}
CONV = {"_target_": "aldsr.nn.ALDBlock", "_partial_": True, "reduction": 8}


def plant_study(root: Path) -> Path:
    """The study of two networks, one of them with two seeds, beside its set of three images, 96×64.

    Each run has weights and a log of 40 steps, validated at every tenth.
    """
    (root / "mine").mkdir()
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)
        image.save(root / "mine" / f"image{number}.png")
    data = SuperResolutionData(scale=4, train_dirs=[], eval_dirs=[str(root / "mine")])
    data.prepare_data()
    for label, seed in (("RDN", 1), ("RDN", 2), ("DW-RDN", 1)):
        folder = root / "study" / f"{label.lower()}-seed{seed}"
        config = fake_config(label, seed, study={"name": NAME})
        config["model"] |= TINY
        config["data"]["eval_dirs"] = [str(root / "mine")]
        results = fake_results(label, {"mine": [psnr + seed / 10 for psnr in PSNR[label]]})
        results["sets"]["mine"] |= data.benchmarks[0].identity
        results["network"]["parameters"] = PARAMETERS[label]
        write_run(folder, config, results)
        plant_weights(folder / "weights.safetensors", config["model"], seed)
        rows = [f"{step},{1 / (step + seed)},{29 + step / 50 if step % 10 == 0 else ''}" for step in range(1, 41)]
        (folder / "log.csv").write_text("\n".join(["step,loss,psnr_y", *rows]) + "\n")
    return root / "study"


def plant_weights(path: Path, description: dict[str, Any], seed: int = 0) -> None:
    """Those of a network that never trained, with noise: it would add nothing to bicubic."""
    torch.manual_seed(seed)
    network = build(description)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    write_weights(path, network, description)
