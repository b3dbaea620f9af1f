from . import image_folder as image_folder, image_table as image_table
from .image_check import (
    OTHER_SUFFIXES as OTHER_SUFFIXES,
    SUFFIXES as SUFFIXES,
    eight_bits as eight_bits,
    examine as examine,
    is_deep as is_deep,
    path_problem as path_problem,
    plain_image as plain_image,
    plain_or_same as plain_or_same,
)
from .image_folder import files_of as files_of
from .png import encode_png as encode_png
