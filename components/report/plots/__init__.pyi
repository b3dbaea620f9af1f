from . import plots as plots
from .column_plots import describe_order as describe_order, plot_columns as plot_columns
from .explanation_plots import plot_explanations as plot_explanations
from .plot import Plot as Plot, make_plot as make_plot
from .search_plots import plot_search as plot_search
