from .curve import Request as Request, learning_curve as learning_curve
