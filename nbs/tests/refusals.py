"""Which of these lines are refused, and which have to load torch for it? `python refusals.py LINE ...`"""
import shlex
import sys
from cityseg.cli import main

if __name__ == '__main__':
    for line in sys.argv[1:]:
        status = main(shlex.split(line))
        print(status, 'torch' if 'torch' in sys.modules else 'light', line)
