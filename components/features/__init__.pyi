from .alternatives import (
    Alternative as Alternative,
    choose_plan as choose_plan,
    is_feature_key as is_feature_key,
    plan_alternatives as plan_alternatives,
    split_feature_key as split_feature_key,
)
from .column_options import (
    SHORT_KINDS as SHORT_KINDS,
    ColumnOptions as ColumnOptions,
    expand_shorthand as expand_shorthand,
    named_columns as named_columns,
)
from .label_units import LabelUnits as LabelUnits, from_log as from_log, to_log as to_log
from .pieces import prefer_pieces as prefer_pieces, tokenizer_in as tokenizer_in, with_tokenizer as with_tokenizer
from .plan import (
    FAR as FAR,
    MISSING as MISSING,
    UNKNOWN as UNKNOWN,
    UNREADABLE as UNREADABLE,
    UNSEEN as UNSEEN,
    FeaturePlan as FeaturePlan,
    has_too_many_ranks as has_too_many_ranks,
    plan_features as plan_features,
    prefer_piecewise as prefer_piecewise,
    with_quantities as with_quantities,
)
from .raw_tensors import (
    LABEL as LABEL,
    LABEL_SCALE as LABEL_SCALE,
    LABEL_SHIFT as LABEL_SHIFT,
    encode_label as encode_label,
    number_matrix as number_matrix,
    presence_matrix as presence_matrix,
    scalar_values as scalar_values,
    text_matrix as text_matrix,
)
from .settling import ONE_HOT_LIMIT as ONE_HOT_LIMIT
from .steps import (
    DATE_PARTS as DATE_PARTS,
    NUMBER_KINDS as NUMBER_KINDS,
    FeatureStep as FeatureStep,
    Tokenizer as Tokenizer,
    dense_columns as dense_columns,
    is_ranked as is_ranked,
)
