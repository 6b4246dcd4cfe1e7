# Who runs what: the ids of a process and of its parent.
import os
from multiprocessing import Process
from pathlib import Path


def info(title):
    print(title)
    print('module name:', Path(__file__).stem)
    print('parent process:', os.getppid())
    print('process id:', os.getpid())


def f(name):
    info('function f')
    print('hello', name)


if __name__ == '__main__':
    info('main line')
    p = Process(target=f, args=('bob',))
    p.start()
    p.join()
