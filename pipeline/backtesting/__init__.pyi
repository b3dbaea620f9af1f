from .backfill import Filling as Filling, backfill as backfill
from .backtest import PAGE_FILE as PAGE_FILE, Request as Request, backtest as backtest
