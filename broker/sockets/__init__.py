"""The ZeroMQ sockets: the ROUTER for requests, the XPUB for events, and the connections behind them."""
