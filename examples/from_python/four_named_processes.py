# Four processes at once; each knows its name, and leaves with an exit code.
import sys
from multiprocessing import Process, current_process


def worker():
    sys.exit(len(current_process().name))


if __name__ == '__main__':
    processes = [Process(name=name, target=worker) for name in ('red', 'green', 'blue', 'yellow')]
    for p in processes:
        p.start()
    for p in processes:
        p.join()
        print(p.name, 'left with', p.exitcode)
