"""Listening sockets, and what can be wrong with them."""

import socket
import sys

import pytest

from gateway.http.sockets import ListenError, close_all, listen


def test_connections_inherit_the_options() -> None:
    """What the kernel holds of a connection is small, and dead peers are noticed."""
    made = listen("127.0.0.1", 0, setting="HTTP_PORT")
    with socket.create_connection(made[0].getsockname()):
        made[0].setblocking(True)
        accepted, _ = made[0].accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if sys.platform == "linux":
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 128 << 10
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
    close_all(made)


def test_a_taken_port_is_named_with_its_setting() -> None:
    """The sentence says which port, and which setting would mend it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port} of 127.0.0.1 is taken.* WEBSOCKET_PORT"):
            listen("127.0.0.1", port, setting="WEBSOCKET_PORT")


@pytest.mark.parametrize(
    ("host", "text"),
    [("192.0.2.1", "not an address of this machine"), ("no such host", "neither an address nor a name")],
)
def test_a_host_of_another_machine_is_named(host: str, text: str) -> None:
    """The sentence says that HOST is wrong."""
    with pytest.raises(ListenError, match=text):
        listen(host, 0, setting="HTTP_PORT")


def test_a_name_with_several_addresses_has_one_port() -> None:
    """Every address of a name gets the same port, also where any free one is asked for."""
    made = listen("localhost", 0, setting="HTTP_PORT")
    assert len({each.getsockname()[1] for each in made}) == 1
    close_all(made)
