from .comparing import add_rows as add_rows, compare_runs as compare_runs, without_figures as without_figures
from .naming import is_file_of_recipe as is_file_of_recipe
from .reporting import (
    find_pair as find_pair,
    find_report as find_report,
    publish_report as publish_report,
    read_figures as read_figures,
    report_parameters as report_parameters,
)
from .site import make_server as make_server
from .why import describe_why as describe_why, why_run as why_run, why_version as why_version
