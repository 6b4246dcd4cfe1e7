# A function applied to every item, by a pool of five processes.
from multiprocessing import Pool


def f(x):
    return x * x


if __name__ == '__main__':
    with Pool(5) as p:
        print(p.map(f, [1, 2, 3]))
        print(p.map(f, range(10)))
