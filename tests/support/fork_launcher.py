"""``python -I -S fork_launcher.py SOCKET ARGUMENTS``: what ``python ARGUMENTS`` does, done by the fork server.

It is executed for every command of the tests: it imports as little as it can.
"""

import _socket
import os
import signal
import sys
from array import array
from json.encoder import encode_basestring_ascii as quoted

STREAMS = array("i", [0, 1, 2])
SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1)
pid = 0
early: list[int] = []


def pass_on(number: int, _frame: object) -> None:
    if not pid:
        early.append(number)
        return
    try:
        if number == signal.SIGUSR1:  # SIGKILL cannot be passed on
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, number)
    except ProcessLookupError:  # it has ended
        pass


for number in SIGNALS:
    signal.signal(number, pass_on)
arguments = ",".join(map(quoted, sys.argv[2:]))
environment = ",".join(f"{quoted(name)}:{quoted(value)}" for name, value in os.environ.items())
request = f'{{"arguments":[{arguments}],"directory":{quoted(os.getcwd())},"environment":{{{environment}}}}}'
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
server.connect("\0" + sys.argv[1])
server.sendmsg([request.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, STREAMS)])
pid = int.from_bytes(server.recv(4), sys.byteorder)
for number in early:
    pass_on(number, None)
for stream in STREAMS:  # the reader or writer at the other end notices the program's end
    os.close(stream)
code = int.from_bytes(server.recv(4), sys.byteorder, signed=True)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
