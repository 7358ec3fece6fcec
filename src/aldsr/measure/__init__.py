"""A network → numbers that say how they were taken."""

from aldsr.measure.cost import count_parameters, table_iv
from aldsr.measure.results import code_version, protocol, scores_table, summarise, write_results

__all__ = [
    "code_version",
    "count_parameters",
    "protocol",
    "scores_table",
    "summarise",
    "table_iv",
    "write_results",
]
