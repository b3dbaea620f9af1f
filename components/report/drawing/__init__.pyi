from .charts import (
    Bar as Bar,
    Series as Series,
    bar_chart as bar_chart,
    histogram_chart as histogram_chart,
    line_chart as line_chart,
    scatter_chart as scatter_chart,
    shade_table as shade_table,
)
from .coordinates import Axis as Axis, coordinates_chart as coordinates_chart
from .labels import (
    name_some as name_some,
    shorten as shorten,
    show as show,
    show_all as show_all,
    show_apart as show_apart,
)
from .surfaces import surface_chart as surface_chart
from .svg import finite as finite
