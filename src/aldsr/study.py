"""`python -m aldsr.study DIR`: print the status of a study's runs.

They are done, running, interrupted, failed, damaged (finished, with files that cannot be read) or waiting.
"""

from collections.abc import Sequence
from pathlib import Path

from aldsr.analysis.study import record_study
from aldsr.core.command import make_parser, plain_command
from aldsr.core.errors import OptionError
from aldsr.core.quoting import shell_words
from aldsr.sweep.status import print_status, study_status


@plain_command()
def main(argv: Sequence[str] | None = None) -> None:
    """Print the study's status; with --record copy its results."""
    parser = make_parser("study", __doc__)
    parser.add_argument("study", type=Path, help="a study's folder, such as runs/linearity")
    parser.add_argument("--record", type=Path, metavar="DIR", help="copy scores, configs and logs of finished runs")
    options = parser.parse_args(argv)
    statuses = study_status(options.study)
    if not statuses:
        found = "holds no runs" if options.study.is_dir() else "no such folder"
        raise OptionError(f"{options.study}: {found}; expected a study's folder, such as runs/linearity")
    print_status(options.study, statuses)
    if options.record:
        names = record_study(options.study, options.record)
        print(f"recorded  {len(names)} runs in {options.record}; python -m aldsr.compare {shell_words(options.record)}")


if __name__ == "__main__":
    main()
