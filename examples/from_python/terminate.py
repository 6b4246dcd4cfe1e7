# The life of a process that does not end by itself.
import signal
import time
from multiprocessing import Process

if __name__ == '__main__':
    p = Process(target=time.sleep, args=(1000,))
    print(p, p.is_alive())
    p.start()
    print(p, p.is_alive())
    p.terminate()
    p.join()
    print(p, p.is_alive())
    print(p.exitcode == -signal.SIGTERM)
