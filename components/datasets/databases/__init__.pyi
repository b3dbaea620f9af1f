from .snapshots import column_names as column_names, keep_batches as keep_batches, take_snapshot as take_snapshot
from .urls import check_url as check_url, parse_url as parse_url
