# The three ways to start a process: one for the program, or a context for each.
import multiprocessing as mp


def foo(conn):
    conn.send('hello')


if __name__ == '__main__':
    mp.set_start_method('spawn')
    receiver, sender = mp.Pipe(duplex=False)
    p = mp.Process(target=foo, args=(sender,))
    p.start()
    print(receiver.recv(), 'by', mp.get_start_method())
    p.join()

    for method in ['fork', 'spawn', 'forkserver']:
        ctx = mp.get_context(method)
        receiver, sender = ctx.Pipe(duplex=False)
        p = ctx.Process(target=foo, args=(sender,))
        p.start()
        print(receiver.recv(), 'by', ctx.get_start_method())
        p.join()
