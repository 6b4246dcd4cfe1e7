# One call in a pool: wait for its result, or not for ever.
import time
from multiprocessing import Pool, TimeoutError


def f(x):
    return x * x


if __name__ == '__main__':
    with Pool(processes=4) as pool:
        print(pool.apply_async(f, (10,)).get(timeout=1))

        nap = pool.apply_async(time.sleep, (10,))
        try:
            nap.get(timeout=0.1)
        except TimeoutError:
            print('we lacked patience')

        print('the pool goes on:', pool.apply(f, (11,)))
