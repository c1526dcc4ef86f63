"""HTTP: sockets, server, middleware, limits of requests, and the WebSocket protocol."""
