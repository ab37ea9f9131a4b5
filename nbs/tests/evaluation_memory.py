"""Evaluate the predictions in ROOT/predictions and print how much memory that took.

python evaluation_memory.py ROOT WORKERS"""
import resource
import sys
from cityseg.metrics import evaluate

if __name__ == '__main__':
    root, workers = sys.argv[1:]
    evaluate(root + '/predictions', root, workers=int(workers))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
