"""A network, or anyone's images → numbers that say how they were taken."""

from aldsr.measure.cost import count_parameters, device_name, input_size, measured_cost, multi_adds, table_iv
from aldsr.measure.inference import PRECISIONS, Inference
from aldsr.measure.memory import keep_memory, peak_memory
from aldsr.measure.predictions import find_predictions, read_prediction
from aldsr.measure.results import (
    ResultsError,
    check_comparable,
    code_version,
    described,
    read_results,
    summarise,
    write_results,
)
from aldsr.measure.tables import (
    comparison_table,
    cost_table,
    explain_table,
    latex,
    markdown,
    protocol_line,
    scores_table,
)
from aldsr.measure.views import View, network_of, views

__all__ = [
    "PRECISIONS",
    "Inference",
    "ResultsError",
    "View",
    "check_comparable",
    "code_version",
    "comparison_table",
    "cost_table",
    "count_parameters",
    "described",
    "device_name",
    "explain_table",
    "find_predictions",
    "input_size",
    "keep_memory",
    "latex",
    "markdown",
    "measured_cost",
    "multi_adds",
    "network_of",
    "peak_memory",
    "protocol_line",
    "read_prediction",
    "read_results",
    "scores_table",
    "summarise",
    "table_iv",
    "views",
    "write_results",
]
