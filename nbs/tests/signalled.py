"""`cityseg check ROOT`, during which a signal comes: `python signalled.py WHERE NUMBER ROOT`.

WHERE is import (of the verbs), work, stuck (the work's pool waits for a thread that never ends), or again (the
signal comes once more while the first one is waited for)."""
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import MetaPathFinder
from cityseg import cli


def send():
    "Send the signal."
    os.kill(os.getpid(), number)


class SendingFinder(MetaPathFinder):
    "Sends the signal when the verbs are looked for."

    def find_spec(self, name, path=None, target=None):
        if name == 'cityseg.demo':
            send()


def work(root, label_set):
    "Is sent the signal; else it finds no fault."
    print('begun')
    send()
    return []


def get_stuck(root, label_set):
    "Is sent the signal while a thread is at work that never ends."
    print('begun')
    with ThreadPoolExecutor() as pool:
        pool.submit(threading.Event().wait)
        if where == 'again':
            threading.Thread(target=send_twice, args=[threading.main_thread()], daemon=True).start()
            while True:
                time.sleep(.01)   # unlike a lock, it can't miss a signal that comes just before
        send()


def send_twice(main):
    "Send the signal, and once more when it has interrupted the work."
    send()
    while 'shutdown' not in names_of(sys._current_frames()[main.ident]):
        pass
    while True:   # a lock may miss one
        send()
        time.sleep(.1)


def names_of(frame):
    "What a thread is in."
    names = []
    while frame:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


if __name__ == '__main__':
    where, number = sys.argv[1], int(sys.argv[2])
    sys.argv[1:] = ['check', sys.argv[3]]
    if where == 'import':
        sys.meta_path.insert(0, SendingFinder())
    else:
        from cityseg import data
        data.check = work if where == 'work' else get_stuck
        cli._PATIENCE = 1 if where == 'stuck' else 600
    sys.exit(cli.main())
