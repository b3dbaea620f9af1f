from .images import (
    ImageSample as ImageSample,
    choose_model as choose_model,
    is_image_folder as is_image_folder,
    sample_images as sample_images,
)
from .missing import Words as Words, remark_on_classes as remark_on_classes
from .places import check_one_table as check_one_table
from .sampling import (
    SampledColumn as SampledColumn,
    TableSample as TableSample,
    sample_table as sample_table,
    words_of as words_of,
)
from .sources import (
    TABLES as TABLES,
    check_source as check_source,
    explain_folder as explain_folder,
    glob_of as glob_of,
    tables_of as tables_of,
)
