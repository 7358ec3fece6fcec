"""Where the Hydra configs lie."""

from pathlib import Path


def config_dir() -> Path:
    """The folder of Hydra configs: inside an installed wheel, or `conf/` of a source tree."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "conf"
    return packaged if packaged.is_dir() else package.parents[1] / "conf"
