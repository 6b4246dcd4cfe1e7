# A pipe both ways: several values in one message, then questions and answers until None.
from multiprocessing import Pipe, Process


def f(conn):
    conn.send([42, None, 'hello'])
    while (n := conn.recv()) is not None:
        conn.send(n * n)
    conn.close()


if __name__ == '__main__':
    parent_conn, child_conn = Pipe()
    p = Process(target=f, args=(child_conn,))
    p.start()
    child_conn.close()
    print(*parent_conn.recv())
    for n in [3, 4, 5]:
        parent_conn.send(n)
        print(n, 'squared is', parent_conn.recv())
    parent_conn.send(None)
    try:
        parent_conn.recv()
    except EOFError:
        print('the other end is closed')
    p.join()
