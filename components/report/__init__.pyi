from . import page as page
from .backtest_page import render_backtest as render_backtest
from .comparison_page import describe as describe, render_comparison as render_comparison
from .component import Report as Report
from .figures.figures import (
    RunFolders as RunFolders,
    collect_figures as collect_figures,
    load_predictions as load_predictions,
)
from .learning_curve_page import render_learning_curve as render_learning_curve
from .options import ReportOptions as ReportOptions
from .page import headline as headline, write_report as write_report
from .plots.column_plots import plot_columns as plot_columns
from .plots.explanation_plots import plot_explanations as plot_explanations
from .plots.search_plots import plot_search as plot_search
from .running_page import render_running as render_running
from .site_page import render_decisions as render_decisions, render_site as render_site
from .watch_page import render_watch as render_watch
