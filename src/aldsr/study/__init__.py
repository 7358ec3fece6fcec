"""Many runs: their names, their folders, how they are launched and where they stand."""

from aldsr.study.cluster import Nodes, nodes
from aldsr.study.continuing import DifferentRunError, check_same
from aldsr.study.folders import InUseError, held, open_folder
from aldsr.study.launch import RankError, launch
from aldsr.study.names import run_name, run_tags
from aldsr.study.plan import WritePlan, read_plan
from aldsr.study.states import recorded, standing

__all__ = [
    "DifferentRunError",
    "InUseError",
    "Nodes",
    "RankError",
    "WritePlan",
    "check_same",
    "held",
    "launch",
    "nodes",
    "open_folder",
    "read_plan",
    "recorded",
    "run_name",
    "run_tags",
    "standing",
]
