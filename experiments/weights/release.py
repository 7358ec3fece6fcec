"""The weights that come with the package, from photographs to model card: check, train, measure, write down.

    python experiments/weights/release.py        (or make weights; photographs in $ALDSR_SHARED)

A run that was interrupted goes on where it was. Nothing is trained if the doctor finds a training photograph in a test
set, or any other fault.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

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
No photograph of a test set is among them: of all these sets, `aldsr.doctor` says "{checked}".

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
    checked = examined()
    run = Path(str(OmegaConf.load(HERE / "weights.yaml").run_dir))  # type: ignore[union-attr]
    command("train", "-cd", str(HERE), "-cn", "weights")
    sets = ",".join(f'"{SHARED / "benchmarks" / name}"' for name in TESTS)
    options = (f"run_dir={run / 'evaluation'}", "data=folder", f"data.eval_dirs=[{sets}]", "cost=true")
    command("evaluate", f"ckpt_path={run / 'weights.safetensors'}", "name=ALD-RDN", *options)
    config: Any = OmegaConf.to_container(OmegaConf.load(run / "config.yaml"))
    trained, measured = (json.loads((run / path).read_text()) for path in ("results.json", "evaluation/results.json"))
    measured["training"] = trained["training"]
    PACKAGED.mkdir(exist_ok=True)
    shutil.copyfile(run / "weights.safetensors", PACKAGED / f"{NAME}.safetensors")
    (PACKAGED / f"{NAME}.md").write_text(card(config, measured, checked))
    (HERE / "results.json").write_text(json.dumps(measured, separators=(",", ":")) + "\n")
    print(f"packaged  {PACKAGED / NAME}.safetensors and its card {NAME}.md; figures in {HERE / 'results.json'}")


def command(name: str, *options: str) -> None:
    subprocess.run([sys.executable, "-m", f"aldsr.{name}", *options], check=True)


def examined() -> str:
    """The doctor's verdict on training and test sets, which ends the program if there are faults."""
    folders = [str(SHARED / "train" / name) for name in TRAINING]
    tests = [str(SHARED / "benchmarks" / name) for name in TESTS]
    doctor = [sys.executable, "-m", "aldsr.doctor", *folders, "--test", *tests, "--patch-size", "24"]
    said = subprocess.run(doctor, capture_output=True, text=True)
    (HERE / "doctor.txt").write_text(said.stdout.replace(f"{SHARED}{os.sep}", ""))
    if said.returncode:
        sys.exit(f"error: the doctor found faults, see {HERE / 'doctor.txt'}; nothing was trained. {said.stderr}")
    return said.stdout.strip().splitlines()[-1]


def card(config: dict[str, Any], measured: dict[str, Any], checked: str) -> str:
    """The model card, every figure from the run's own files."""
    data, trainer, trained = config["data"], config["trainer"], measured["training"]
    conditions = measured["measured"]
    return CARD.format(
        **{key: config["model"][key] for key in ("D", "C", "G", "G0")},
        **{key: trained[key] for key in ("images", "fingerprint", "steps")},
        **{key: conditions[key] for key in ("device", "torch")},
        name=NAME,
        parameters=measured["network"]["parameters"],
        multi_adds=measured["network"]["multi_adds"] / 1e9,
        checked=checked,
        batch=data["batch_size"],
        patch=data["patch_size"],
        lr=config["optimizer"]["lr"],
        ema=config["ema"],
        precision=trainer["precision"],
        seed=config["seed"],
        minutes=trained["seconds"] / 60,
        cores="one core" if trained["threads"] == 1 else f"{trained['threads']} cores",
        version=config["version"],
        how=f"folded, {conditions['precision']}",
        rows="\n".join(rows(measured)),
        protocol=protocol_line(measured),
    )


def rows(measured: dict[str, Any]) -> list[str]:
    """One line of the card's table per set."""
    pairs = ((name, measured["bicubic"][name], found) for name, found in measured["sets"].items())
    return [
        f"| {name} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{found['psnr']:.2f}** / {found['ssim']:.4f} "
        f"| {found['psnr'] - base['psnr']:+.2f} |"
        for name, base, found in pairs
    ]


if __name__ == "__main__":
    main()
