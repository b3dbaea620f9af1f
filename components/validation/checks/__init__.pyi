from .anomalies import check_anomalies as check_anomalies, load_anomalies as load_anomalies
from .aside import check_quarantine as check_quarantine
from .dates import check_dates as check_dates
from .drift import check_drift as check_drift, check_skew as check_skew
from .duplicates import check_duplicates as check_duplicates, hash_share as hash_share
from .leakage import check_leakage as check_leakage
from .numbers import check_finite as check_finite
from .own import check_own as check_own
