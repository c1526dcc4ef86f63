"""A gRPC server on asyncio: h2 for the connection, a short way of its own for DATA.

It knows methods, and nothing of what their messages mean; see ``interface``.
"""
