"""Engine.IO 4, the server's side: long polling, WebSocket, and the change from one to the other.

``packets``, ``outbox``, ``session`` and ``requests`` decide without I/O; ``socket`` and ``server`` do what they say.
"""
