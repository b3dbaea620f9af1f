from . import image_folder as image_folder, image_table as image_table
from .class_folders import (
    ClassFolder as ClassFolder,
    count_images as count_images,
    find_class_folders as find_class_folders,
    is_left_behind as is_left_behind,
    mask_notes as mask_notes,
    told_from as told_from,
    visible_folders as visible_folders,
    why_no_image as why_no_image,
)
from .image_check import (
    OTHER_SUFFIXES as OTHER_SUFFIXES,
    SUFFIXES as SUFFIXES,
    Checked as Checked,
    check_all as check_all,
    eight_bits as eight_bits,
    examine as examine,
    path_problem as path_problem,
    plain_image as plain_image,
    plain_or_same as plain_or_same,
)
from .image_folder import files_of as files_of, shortened as shortened
from .png import encode_png as encode_png
from .survey import Survey as Survey
