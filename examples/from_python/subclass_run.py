# A subclass of Process: run() is what the child does, with the data it was given here.
from multiprocessing import Process


class Countdown(Process):
    def __init__(self, start_at, last_word):
        super().__init__()
        self.start_at = start_at
        self.last_word = last_word

    def run(self):
        for n in range(self.start_at, 0, -1):
            print(n)
        print(self.last_word)


if __name__ == '__main__':
    p = Countdown(3, 'lift-off')
    p.start()
    p.join()
    print('exit code', p.exitcode)
