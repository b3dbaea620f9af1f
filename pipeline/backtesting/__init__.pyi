from .backtest import Request as Request, backtest as backtest
