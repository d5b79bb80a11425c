"""A TCP server that can be moved to another node with its established connection, as CRIU moves it: TCP_REPAIR.

    python3 -IS checkpoint.py serve ADDRESS PORT     accept one connection and echo; "dump" on stdin: print its state and go
    python3 -IS checkpoint.py restore                read that state on stdin, and go on echoing

Of the connection's state the queues' numbers, the window and the options are what a stream in lockstep needs: when it is
frozen, each side's data has been acknowledged or will be sent again by the other.
"""
import json
import select
import socket
import sys

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_REPAIR_OPTIONS, TCP_REPAIR_WINDOW = 19, 20, 21, 22, 29  # linux/tcp.h
RECV, SEND = 1, 2
TCPOPT_MSS, TCPOPT_WINDOW, TCPOPT_SACK, TCPOPT_TIMESTAMP, TCP_TIMESTAMP = 2, 3, 4, 8, 24
OPTIONS_TIMESTAMPS, OPTIONS_SACK, OPTIONS_WSCALE = 1, 2, 4  # tcpi_options


def dump(connection: socket.socket) -> str:
    tcp = socket.IPPROTO_TCP
    info = connection.getsockopt(tcp, socket.TCP_INFO, 104)
    connection.setsockopt(tcp, TCP_REPAIR, 1)
    state = {'local': connection.getsockname(), 'remote': connection.getpeername(),
             'mss': connection.getsockopt(tcp, socket.TCP_MAXSEG), 'options': info[5], 'scale': info[6],
             'time': connection.getsockopt(tcp, TCP_TIMESTAMP),
             'window': connection.getsockopt(tcp, TCP_REPAIR_WINDOW, 20).hex()}
    for name, queue in (('recv', RECV), ('send', SEND)):
        connection.setsockopt(tcp, TCP_REPAIR_QUEUE, queue)
        state[name] = connection.getsockopt(tcp, TCP_QUEUE_SEQ) & 0xffffffff
        # What was sent and not acknowledged: sent again there. What came and was not read: nothing, in lockstep.
        try:
            state[name + '-data'] = connection.recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT).hex()
        except BlockingIOError:
            state[name + '-data'] = ''
    return json.dumps(state)


def restore(text: str) -> socket.socket:
    state, tcp = json.loads(text), socket.IPPROTO_TCP
    made = socket.socket()
    made.setsockopt(tcp, TCP_REPAIR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(tuple(state['local']))
    for name, queue in (('send', SEND), ('recv', RECV)):
        made.setsockopt(tcp, TCP_REPAIR_QUEUE, queue)
        size = len(state[name + '-data']) // 2
        made.setsockopt(tcp, TCP_QUEUE_SEQ, signed(state[name] - size))
    made.connect(tuple(state['remote']))
    options = [(TCPOPT_MSS, state['mss'])]
    if state['options'] & OPTIONS_WSCALE:
        options.append((TCPOPT_WINDOW, (state['scale'] & 15) | (state['scale'] >> 4) << 16))
    if state['options'] & OPTIONS_SACK:
        options.append((TCPOPT_SACK, 0))
    if state['options'] & OPTIONS_TIMESTAMPS:
        options.append((TCPOPT_TIMESTAMP, 0))
    made.setsockopt(tcp, TCP_REPAIR_OPTIONS, b''.join(
        code.to_bytes(4, sys.byteorder) + value.to_bytes(4, sys.byteorder) for code, value in options))
    if state['options'] & OPTIONS_TIMESTAMPS:
        made.setsockopt(tcp, TCP_TIMESTAMP, signed(state['time']))
    for name, queue in (('recv', RECV), ('send', SEND)):
        if state[name + '-data']:
            made.setsockopt(tcp, TCP_REPAIR_QUEUE, queue)
            made.send(bytes.fromhex(state[name + '-data']))
    made.setsockopt(tcp, TCP_REPAIR_QUEUE, 0)
    made.setsockopt(tcp, TCP_REPAIR_WINDOW, bytes.fromhex(state['window']))
    made.setsockopt(tcp, TCP_REPAIR, 0)
    return made


def signed(number: int) -> int:
    number &= 0xffffffff
    return number - (1 << 32 if number >= 1 << 31 else 0)


def echo(connection: socket.socket) -> None:
    """Send back what comes, until "dump" is asked for."""
    while True:
        ready = select.select([connection, sys.stdin], [], [])[0]
        if sys.stdin in ready:
            if sys.stdin.readline():
                print(dump(connection), flush=True)
            return
        data = connection.recv(65536)
        if not data:
            return
        connection.sendall(data)


if __name__ == '__main__':
    if sys.argv[1] == 'serve':
        listener = socket.socket()
        listener.bind((sys.argv[2], int(sys.argv[3])))
        listener.listen(1)
        print('ready', flush=True)
        echo(listener.accept()[0])
    else:
        found = restore(sys.stdin.readline())
        print('ready', flush=True)
        echo(found)
