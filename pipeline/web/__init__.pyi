from .http_hosts import allowed_hosts as allowed_hosts
from .http_server import Answer as Answer, Request as Request, Rules as Rules, WebServer as WebServer
