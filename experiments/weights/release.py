"""The weights that come with the package, from photographs to model card: check, train, measure, write down.

    python experiments/weights/release.py        (or make weights; photographs in $ALDSR_SHARED)

An interrupted run continues. Nothing is trained if the doctor finds a training photograph in a test set, or any other
fault.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from aldsr.evaluation.results import read_results
from aldsr.reporting.tables.results import protocol_line

HERE = Path(__file__).parent
PACKAGED = HERE.parents[1] / "src" / "aldsr" / "weights"
NAME = "ald_rdn_x4"
SHARED = Path(os.environ.get("ALDSR_SHARED", "../shared")) / "data"
TRAINING, TESTS = ("T91", "BSDS400", "SunHays80"), ("Set5", "Set14", "B100", "Urban100")
CARD = """\
# {name}: the weights that come with aldsr

ALD-RDN (descriptor det) for x4, D{D} C{C} G{G} G0 {G0} with bicubic residual: {parameters:,} parameters,
{multi_adds:.1f} thousand million multi-adds for 1280x720. RGB in, RGB out, both in [0, 1]:

```python
network = aldsr.from_pretrained("{name}.safetensors")
```

It enlarges sharp, clean pictures (it was trained on MATLAB's bicubic LR); noise, blur and the blocks of JPEG it
enlarges too.

**Trained on** T91 (Yang et al., 2010), BSDS500 train + test without 302003, which is the same photograph as Set5's
"woman" (Arbeláez et al., TPAMI 2011), and Sun-Hays80 (Sun & Hays, ICCP 2012): {images} photographs that are as
large as a patch, fingerprint `{fingerprint}`. Their terms are research use; none of them is part of this package.
No photograph of a test set is among them: of all these sets, `aldsr.doctor` says "{verdict}".

**How**: {steps:,} steps of {batch} patches of {patch}x{patch} LR pixels, flipped and turned; L1; Adam from {lr} by
half a cosine to zero; moving average of the weights, {ema}; {precision}; seed {seed}. {minutes:.0f} minutes on
{cores} of an {device}, with other work on the machine. aldsr {version}, torch {torch}.

**Measured** by `aldsr.evaluate`, {how}, PSNR-Y in dB / SSIM-Y:

| set | bicubic | ALD-RDN | gain |
|---|---:|---:|---:|
{rows}

Protocol: {protocol}.

`make weights` makes it again; configuration, the doctor's words and every image's score are in the repository's
`experiments/weights`.
"""


def main() -> None:
    verdict = check_images()
    run = Path(str(OmegaConf.load(HERE / "weights.yaml").run_dir))  # type: ignore[union-attr]
    run_aldsr("train", "-cd", str(HERE), "-cn", "weights")
    sets = ",".join(f'"{SHARED / "benchmarks" / name}"' for name in TESTS)
    options = (f"run_dir={run / 'evaluation'}", "data=folder", f"data.eval_dirs=[{sets}]", "cost=true")
    run_aldsr("evaluate", f"ckpt_path={run / 'weights.safetensors'}", "name=ALD-RDN", *options)
    config: Any = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    results = {**read_results(run / "evaluation"), "training": read_results(run)["training"]}
    PACKAGED.mkdir(exist_ok=True)
    shutil.copyfile(run / "weights.safetensors", PACKAGED / f"{NAME}.safetensors")
    (PACKAGED / f"{NAME}.md").write_text(format_card(config, results, verdict))
    (HERE / "results.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")
    print(f"packaged  {PACKAGED / NAME}.safetensors and its card {NAME}.md; results in {HERE / 'results.json'}")


def run_aldsr(command: str, *options: str) -> None:
    subprocess.run([sys.executable, "-m", f"aldsr.{command}", *options], check=True)


def check_images() -> str:
    """Run the doctor on training and test sets; return its verdict, or end the program if there are faults."""
    folders = [str(SHARED / "train" / name) for name in TRAINING]
    tests = [str(SHARED / "benchmarks" / name) for name in TESTS]
    doctor = [sys.executable, "-m", "aldsr.doctor", *folders, "--test", *tests, "--patch-size", "24"]
    done = subprocess.run(doctor, capture_output=True, text=True)
    (HERE / "doctor.txt").write_text(done.stdout.replace(f"{SHARED}{os.sep}", ""))
    if done.returncode:
        sys.exit(f"error: the doctor found faults, see {HERE / 'doctor.txt'}; nothing was trained. {done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def format_card(config: dict[str, Any], results: dict[str, Any], verdict: str) -> str:
    """The model card, every number from the run's own files."""
    data, trainer, training, conditions = config["data"], config["trainer"], results["training"], results["measured"]
    return CARD.format(
        **{key: config["model"][key] for key in ("D", "C", "G", "G0")},
        **{key: training[key] for key in ("images", "fingerprint", "steps")},
        **{key: conditions[key] for key in ("device", "torch")},
        name=NAME,
        parameters=results["network"]["parameters"],
        multi_adds=results["network"]["multi_adds"] / 1e9,
        verdict=verdict,
        batch=data["batch_size"],
        patch=data["patch_size"],
        lr=config["optimizer"]["lr"],
        ema=config["ema"],
        precision=trainer["precision"],
        seed=config["seed"],
        minutes=training["seconds"] / 60,
        cores="one core" if training["threads"] == 1 else f"{training['threads']} cores",
        version=config["version"],
        how=f"folded, {conditions['precision']}",
        rows="\n".join(format_rows(results)),
        protocol=protocol_line(results),
    )


def format_rows(results: dict[str, Any]) -> list[str]:
    """The rows of the card's table, one per set."""
    pairs = ((name, results["bicubic"][name], found) for name, found in results["sets"].items())
    return [
        f"| {name} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{found['psnr']:.2f}** / {found['ssim']:.4f} "
        f"| {found['psnr'] - base['psnr']:+.2f} |"
        for name, base, found in pairs
    ]


if __name__ == "__main__":
    main()
