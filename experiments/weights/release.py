"""The weights that come with the package, from photographs to model card: check, train, measure, write down.

    python experiments/weights/release.py        (or make weights; photographs in $ALDSR_SHARED)

x4 is trained first; x2 and x3 start from it. An interrupted run continues. Nothing is trained if the doctor finds a
training photograph in a test set, or any other fault.
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
RUNS = Path("runs/weights")
SHARED = Path(os.environ.get("ALDSR_SHARED", "../shared")) / "data"
TRAINING, TESTS = ("T91", "BSDS400", "SunHays80"), ("Set5", "Set14", "B100", "Urban100")
FROM_X4 = (f"init={RUNS / 'x4'}", "trainer.max_steps=20000")
SCALES: dict[int, tuple[str, ...]] = {4: (), 2: FROM_X4, 3: FROM_X4}
CARD = """\
# rdn_x2, rdn_x3, rdn_x4: the weights that come with aldsr

Dense RDN, D{D} C{C} G{G} G0 {G0} with bicubic residual. RGB in, RGB out, both in [0, 1]:

```python
import aldsr
from pathlib import Path

network = aldsr.from_pretrained(Path(aldsr.__file__).with_name("weights") / "rdn_x4.safetensors")
```

It enlarges sharp, clean pictures (it was trained on MATLAB's bicubic LR); noise, blur and the blocks of JPEG it
enlarges too.

**Trained on** T91 (Yang et al., 2010), BSDS500 train + test without 302003, which is the same photograph as Set5's
"woman" (Arbeláez et al., TPAMI 2011), and Sun-Hays80 (Sun & Hays, ICCP 2012), those that are as large as a patch.
Their terms are research use; none of them is part of this package.
No photograph of a test set is among them: of all these sets, `aldsr.doctor` says "{verdict}".

**How**: {batch} patches of {patch}x{patch} LR pixels a step, flipped and turned; L1; Adam from {lr} by half a cosine to
zero; moving average of the weights, {ema}; {precision}; seed {seed}, one run a scale. On {cores} of an {device}, with
other work on the machine. aldsr {version}, torch {torch}.

{networks}

**Measured** by `aldsr.evaluate`, {how}, PSNR-Y in dB / SSIM-Y:

| set | bicubic | RDN | gain |
|---|---:|---:|---:|
{rows}

Protocol at x4: {protocol}; at x2 and x3, 2 and 3 pixels shaved and LR made by bicubic.

`make weights` makes them again; configuration, the doctor's words and every image's score are in the repository's
`experiments/weights`.
"""


def main() -> None:
    verdict, measured = check_images(), {}
    for scale, options in SCALES.items():
        run_aldsr("train", "-cd", str(HERE), "-cn", "weights", f"scale={scale}", *options)
        measured[scale] = measure(RUNS / f"x{scale}", scale)
        shutil.copyfile(RUNS / f"x{scale}" / "weights.safetensors", PACKAGED / f"rdn_x{scale}.safetensors")
    config: Any = OmegaConf.to_container(OmegaConf.load(RUNS / "x4" / "config.yaml"))
    (PACKAGED / "README.md").write_text(format_card(config, dict(sorted(measured.items())), verdict))
    record = {f"x{scale}": results for scale, results in sorted(measured.items())}
    (HERE / "results.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
    print(f"packaged  {PACKAGED}/rdn_x*.safetensors and their card README.md; results in {HERE / 'results.json'}")


def measure(run: Path, scale: int) -> dict[str, Any]:
    """The scores of a run's weights on all test sets, and how it was trained."""
    sets = ",".join(f'"{SHARED / "benchmarks" / name}"' for name in TESTS)
    options = (f"run_dir={run / 'evaluation'}", "data=folder", f"data.eval_dirs=[{sets}]", "cost=true")
    run_aldsr("evaluate", f"ckpt_path={run / 'weights.safetensors'}", f"name=RDN x{scale}", *options)
    return {**read_results(run / "evaluation"), "training": read_results(run)["training"]}


def run_aldsr(command: str, *options: str) -> None:
    subprocess.run([sys.executable, "-m", f"aldsr.{command}", *options], check=True)


def check_images() -> str:
    """Run the doctor on training and test sets; return its verdict, or end the program if there are faults."""
    folders = [str(SHARED / "train" / name) for name in TRAINING]
    tests = [str(SHARED / "benchmarks" / name) for name in TESTS]
    doctor = [sys.executable, "-m", "aldsr.doctor", *folders, "--test", *tests, "--patch-size", "24"]
    done = subprocess.run(doctor, capture_output=True, text=True, env={**os.environ, "COLUMNS": "110"})
    (HERE / "doctor.txt").write_text(done.stdout.replace(f"{SHARED}{os.sep}", ""))
    if done.returncode:
        sys.exit(f"error: the doctor found faults, see {HERE / 'doctor.txt'}; nothing was trained. {done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def format_card(config: dict[str, Any], measured: dict[int, dict[str, Any]], verdict: str) -> str:
    """The model card, every number from the runs' own files."""
    data, training, conditions = config["data"], measured[4]["training"], measured[4]["measured"]
    return CARD.format(
        **{key: config["model"][key] for key in ("D", "C", "G", "G0")},
        **{key: conditions[key] for key in ("device", "torch")},
        verdict=verdict,
        batch=data["batch_size"],
        patch=data["patch_size"],
        lr=config["optimizer"]["lr"],
        ema=config["ema"],
        precision=config["trainer"]["precision"],
        seed=config["seed"],
        cores="one core" if training["threads"] == 1 else f"{training['threads']} cores",
        version=config["version"],
        networks="\n".join(format_network(scale, results) for scale, results in measured.items()),
        how=f"folded, {conditions['precision']}",
        rows="\n".join(row for scale, results in measured.items() for row in format_rows(scale, results)),
        protocol=protocol_line(measured[4]),
    )


def format_network(scale: int, results: dict[str, Any]) -> str:
    """A line of the card: what a network costs, and its training."""
    network, training = results["network"], results["training"]
    cost = f"{network['parameters']:,} parameters, {network['multi_adds'] / 1e9:.1f} G multi-adds for 1280x720"
    start = "" if scale == 4 else ", from the weights of x4"
    time = f"{training['steps']:,} steps in {training['seconds'] / 60:.0f} minutes{start}"
    return f"- **x{scale}**: {cost}; {time}; {training['images']} photographs, fingerprint `{training['fingerprint']}`"


def format_rows(scale: int, results: dict[str, Any]) -> list[str]:
    """The rows of the card's table, one per set."""
    pairs = ((name, results["bicubic"][name], found) for name, found in results["sets"].items())
    return [
        f"| {name} x{scale} | {base['psnr']:.2f} / {base['ssim']:.4f} | **{found['psnr']:.2f}** / {found['ssim']:.4f} "
        f"| {found['psnr'] - base['psnr']:+.2f} |"
        for name, base, found in pairs
    ]


if __name__ == "__main__":
    main()
