"""Many runs: their names, their folders and how they are launched."""

from aldsr.study.folders import open_folder
from aldsr.study.launch import RankError, launch
from aldsr.study.names import job_name, run_name, swept_keys

__all__ = ["RankError", "job_name", "launch", "open_folder", "run_name", "swept_keys"]
