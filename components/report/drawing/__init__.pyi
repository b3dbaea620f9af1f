from .bars import Bar as Bar, bar_chart as bar_chart
from .charts import (
    Series as Series,
    describe_thinning as describe_thinning,
    histogram_chart as histogram_chart,
    line_chart as line_chart,
    scatter_chart as scatter_chart,
)
from .coordinates import Axis as Axis, coordinates_chart as coordinates_chart
from .labels import (
    name_some as name_some,
    shorten as shorten,
    show as show,
    show_all as show_all,
    show_apart as show_apart,
)
from .pictures import VERSION as VERSION, draw as draw
from .specs import Spec as Spec, finite as finite
from .surfaces import surface_chart as surface_chart
from .tables import shade_table as shade_table
from .theme import LOCALE as LOCALE, theme as theme
