from .backfill import Filling as Filling, backfill as backfill
from .backtest import Request as Request, backtest as backtest
