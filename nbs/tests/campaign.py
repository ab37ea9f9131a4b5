"""Bad input by the hundred: every verb on what is damaged, of a wrong shape, full, closed or no file at all.

`python campaign.py [SEED [CASES]]` prints each case that doesn't end as it should, and the counts."""
import ctypes
import importlib
import io
import json
import os
import random
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60  # seconds; a case that takes longer hangs
TRACEBACK, NOT_POSSIBLE = 99, 77  # exit statuses
TRAIN = '--recipe cpu --iterations 1 --batch-size 2 --crop-size 64 64 --workers 0'.split()


class Case(NamedTuple):
    "A command, and what is done to its input or its surroundings."
    kind: str
    words: list
    results: tuple = ()  # paths that must be there if it ends with 0
    prepare: Callable | None = None  # in the process of the verb, just before
    fails: bool = False  # must it not end with 0?


# What is done to a file

def empty(path: Path, rng: random.Random):
    "Nothing in it."
    path.write_bytes(b'')


def cut_off(path: Path, rng: random.Random):
    "Its begin alone."
    content = path.read_bytes()
    path.write_bytes(content[:rng.randrange(len(content))])


def flip_bits(path: Path, rng: random.Random):
    "One bit, or twenty."
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def other_text(path: Path, rng: random.Random):
    "What a server says in its place, with a terminal's command in it."
    path.write_text('Not found\x1b[2J\n')


def folder_instead(path: Path, rng: random.Random):
    "A folder of its name."
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path, rng: random.Random):
    "A pipe of its name, into which nobody ever writes."
    path.unlink()
    os.mkfifo(path)


def link_in_circles(path: Path, rng: random.Random):
    "A link to itself."
    path.unlink()
    path.symlink_to(path.name)


def wrong_shape(path: Path, rng: random.Random):
    "JSON with another value somewhere, or with a key less; of lines of JSON one is another value."
    plain = [None, [], 3, 'text', [[1]], {}]
    text = path.read_text()
    if path.suffix == '.jsonl':
        lines = text.splitlines()
        lines[rng.randrange(len(lines))] = json.dumps(rng.choice(plain))
        path.write_text('\n'.join(lines) + '\n')
        return
    content = json.loads(text)
    inner = content
    key = rng.choice(list(inner))
    while isinstance(inner[key], dict) and inner[key] and rng.random() < .6:
        inner = inner[key]
        key = rng.choice(list(inner))
    how = rng.random()
    if how < .3:
        del inner[key]
    else:
        inner[key] = rng.choice([*plain, 1e30, -1, True])
    path.write_text(json.dumps(content if how < .8 else rng.choice(plain)))


def wrong_tensors(path: Path, rng: random.Random):
    "A checkpoint that lacks something, or holds something else."
    import torch
    content = torch.load(path, weights_only=True)
    key = rng.choice(list(content))
    how = rng.randrange(3)
    if how == 0:
        del content[key]
    elif how == 1:
        content[key] = rng.choice([None, 3, 'text', [], {}])
    else:
        content = rng.choice([None, [], 3, {'state_dict': {}}])
    torch.save(content, path)


ANY_FILE = [empty, cut_off, flip_bits, other_text, folder_instead, pipe_instead, link_in_circles]


def ways_to_hurt(path: Path) -> list[Callable]:
    "What may be done to a file, the likelier ones more often."
    if path.suffix in ('.json', '.jsonl', '.ipynb'):
        return [wrong_shape]*6 + ANY_FILE
    return [wrong_tensors]*4 + ANY_FILE if path.suffix == '.pt' else ANY_FILE


# What is done to a process

def close_streams(*numbers: int):
    "As the shell does for `2>&-`."
    for number in numbers:
        os.close(number)
        setattr(sys, {1: 'stdout', 2: 'stderr'}[number], None)


def break_pipe():
    "Stdout is a pipe that nobody reads."
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def only_ascii():
    "Streams that can't take an umlaut."
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding='ascii', errors='strict')


def limit_files():
    "No file may be longer than 20 kB."
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def mount(where: Path, read_only: bool):
    "A small disk at a place, seen by this process alone."
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private = 0x20000, 0x44000
    if libc.unshare(new_namespace) or libc.mount(b'none', b'/', None, private, None):
        os._exit(NOT_POSSIBLE)
    libc.mount(b'tmpfs', str(where).encode(), b'tmpfs', int(read_only), b'size=24k,nr_inodes=40')


def signal_later(number: int, delay: float):
    "A signal comes after so many seconds."
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if not os.fork():
        time.sleep(delay)
        with suppress(ProcessLookupError):
            os.kill(os.getppid(), number)
        os._exit(0)


# A stage and its cases

class Stage:
    "A small city, predictions, a run, a store, a kernel, of which each case gets a copy."

    def __init__(self, place: Path):
        self.place, self.base = place, place/'base'
        self.count = 0   # copies made

    def build(self):
        "Make what is copied."
        from cityseg.cli import main
        from cityseg.toycity import toy_city
        base = self.base
        toy_city(base/'city', size=(128, 256), train=2, val=2, test=2)
        for words in (['train', base/'city', '--out', base/'run', *TRAIN, '--iterations', 2],
                      ['pack', base/'city', '--out', base/'store'],
                      ['predict', base/'run', base/'city', '--split', 'val', '--out', base/'val'],
                      ['submit', base/'val', '--zip', base/'val.zip']):
            main([str(word) for word in words])
        (base/'notes.json').write_text('{"lindental_000000_000000": "a note"}')
        kernel = Path(__file__).resolve().parents[2]/'kaggle'/'train'
        shutil.copytree(kernel, base/'kernel')

    def copy(self) -> Path:
        "A copy that may be spoiled; of those before only the last five stay."
        self.count += 1
        shutil.rmtree(self.place/f'{self.count - 5}', ignore_errors=True)
        return Path(shutil.copytree(self.base, self.place/f'{self.count}', symlinks=True))


def spoilable(where: Path, part: str) -> list[Path]:
    "The files of a part that some verb reads."
    place = dict(archive=where/'val.zip', notes=where/'notes.json').get(part, where/part)
    if place.is_file():
        return [place]
    unread = ('color.png', 'polygons.json', '.html', '.jpg', 'machine.json')
    files = [path for path in sorted(place.rglob('*')) if path.is_file() and path.parent.name != 'tb']
    return [path for path in files if path.name[0] != '.' and not path.name.endswith(unread)]


def readers(where: Path) -> dict[str, list]:
    "The commands that read each part of a stage, with their results."
    out = where/'out'
    city, run = where/'city', where/'run'
    def on_data(data):
        return [(['check', data], []),
                (['train', data, '--out', out, *TRAIN], [out/'best'])]
    def on_predictions(predictions, data):
        film, page = f'{out}.mp4', f'{out}.html'
        return [(['evaluate', predictions, data, '--json', out], [out]),
                (['timelapse', predictions, data, '--split', 'val', '--out', film], [film]),
                (['inspect', data, predictions, '--out', page], [page])]
    def on_submission(predictions):
        return [(['submit', '--check', predictions], []),
                (['submit', predictions, '--zip', out], [out])]
    predict = [(['predict', run, city, '--split', 'val', '--out', out], [out])]
    compare = [(['compare', run, '--plot', f'{out}.png'], [f'{out}.png'])]
    weather = ['weather', run, city, '--count', 1, '--strengths', .5, '--out', out]
    resume = ['train', city, '--out', run, *TRAIN, '--iterations', 3, '--resume']
    pack = [(['pack', city, '--out', out], [out/'manifest.json'])]
    notes = ['inspect', city, where/'val', '--out', f'{out}.html', '--notes', where/'notes.json']
    build = ['kernel', 'build', where/'kernel', '--owner', 'ada', '--out', out]
    return dict(
        city=on_data(city) + on_predictions(where/'val', city) + predict + pack,
        store=on_data(where/'store') + on_predictions(where/'val', where/'store'),
        val=on_predictions(where/'val', city) + on_submission(where/'val'),
        archive=on_predictions(where/'val.zip', city) + on_submission(where/'val.zip'),
        run=[*predict, *compare, (weather, [out/'weather.png']), (resume, [run/'best']),
             *on_predictions(run, city)[1:]],
        notes=[(notes, [f'{out}.html'])],
        kernel=[(['kernel', 'check', where/'kernel'], []), (build, [out/'kernel-metadata.json'])])


def damaged_inputs(stage: Stage, rng: random.Random, n: int) -> Iterator[Case]:
    "Cases of files that are not what they should be."
    parts = ['city', 'store', 'val', 'archive', 'run', 'run', 'notes', 'kernel']
    for i in range(n):
        where, part = stage.copy(), parts[i % len(parts)]
        files = spoilable(where, part)
        suffix = rng.choice(sorted({path.suffix for path in files}))   # each kind of file as often
        path = rng.choice([path for path in files if path.suffix == suffix])
        hurt = rng.choice(ways_to_hurt(path))
        hurt(path, rng)
        words, results = rng.choice(readers(where)[part])
        yield Case(f'{hurt.__name__} {path.relative_to(where)}', words, tuple(results))


WRITERS = dict(
    pack='pack {city} --out', train=f'train {{city}} {" ".join(TRAIN)} --out',
    predict='predict {run} {city} --split val --out', evaluate='evaluate {val} {city} --json',
    frames='evaluate {val} {city} --frames', submit='submit {val} --zip',
    timelapse='timelapse {val} {city} --split val --out', inspect='inspect {city} {val} --out',
    weather='weather {run} {city} --count 1 --strengths .5 --out', compare='compare {run} --plot',
    build='kernel build train --owner ada --out')   # the output follows


def bad_places(where: Path) -> dict:
    "Outputs that can't be; a folder suits some verbs."
    (where/'blocked').write_text('a file')
    (where/'folder'/'below').mkdir(parents=True)
    os.mkfifo(where/'pipe')
    places = {'below a file': where/'blocked'/'x', 'a folder': where/'folder', 'a pipe': where/'pipe',
              'empty': '', 'a long name': where/('x'*300), 'no file system': '/proc/nothing/x',
              'a zero byte': f'{where}/x\0y'}
    if os.geteuid() == 0:
        os.mknod(where/'device', stat.S_IFCHR | 0o666, os.makedev(1, 7))   # as /dev/full
        places['a device'] = where/'device'
    return places


def bad_outputs(stage: Stage) -> Iterator[Case]:
    "Cases of places that can't be written to."
    for name, command in WRITERS.items():
        where = stage.copy()
        words = command.format(city=where/'city', run=where/'run', val=where/'val').split()
        for what, place in bad_places(where).items():
            fits = what == 'a folder' and words[-1] == '--out' and name not in ('timelapse', 'inspect')
            yield Case(f'output {what}', [*words, place], fails=not fits)


ODD_VALUES = ['-1', '0', '1e99', 'nan', '-inf', 'x', '', 'None', '9'*30, '1 2 3', '\u2603', '../..', '%s{}']


def odd_values(stage: Stage, rng: random.Random, n: int) -> Iterator[Case]:
    "Cases of flags whose value is of another type, out of range, or nothing at all."
    from cityseg.config import Run
    from cityseg.demo import VERBS
    for _ in range(n):
        where = stage.copy()
        words, results = rng.choice([row for rows in readers(where).values() for row in rows])
        outputs = 'out', 'json', 'frames', 'zip', 'plot'   # any name will do
        names = [field.name for field in fields(VERBS[words[0]]) if field.name not in outputs]
        if words[0] == 'train':
            names = [*names, *(field.name for field in fields(Run))]
        flag, value = rng.choice(names).replace('_', '-'), rng.choice(ODD_VALUES)
        yield Case(f'value {flag}', [*words, f'--{flag}', value], tuple(results))


def moved(words: list, old: Path, new: Path) -> list:
    "The words of a command where paths below a folder lie below another."
    return [str(word).replace(str(old), str(new)) for word in words]


def bad_surroundings(stage: Stage, rng: random.Random, n: int) -> Iterator[Case]:
    "Cases of closed streams, strange names, small, full and read-only disks, and signals."
    streams = {'no stderr': partial(close_streams, 2), 'no streams': partial(close_streams, 1, 2),
               'broken pipe': break_pipe}
    kinds = [*streams, 'strange names', 'small files', 'full disk', 'read-only disk', 'signal']
    for i in range(n):
        where, kind = stage.copy(), kinds[i % len(kinds)]
        words, results = rng.choice([row for rows in readers(where).values() for row in rows])
        if kind in streams:
            yield Case(kind, words, tuple(results), streams[kind])
        elif kind == 'strange names':
            strange = where.with_name(f'{where.name} Zürich \udcff')
            where.rename(strange)
            yield Case(kind, moved(words, where, strange), tuple(moved(results, where, strange)), only_ascii)
            shutil.rmtree(strange)
        elif kind == 'small files':
            yield Case(kind, words, tuple(results), limit_files)
        elif kind == 'signal':
            number, delay = rng.choice([signal.SIGINT, signal.SIGTERM]), rng.uniform(.01, 3)
            yield Case(f'signal {number}', words, (), partial(signal_later, number, delay))
        else:
            (where/'small').mkdir()
            words = moved(words, where/'out', where/'small'/'out')
            yield Case(kind, words, (), partial(mount, where/'small', kind.startswith('read')))


# How a case is played, and judged

def run_case(case: Case, log: Path):
    "As the shell's command does: run a verb, with everything it says in a file."
    from cityseg.cli import main
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, name in ((1, 'stdout'), (2, 'stderr')):
        os.dup2(output, number)
        raw = os.fdopen(number, 'wb', 0)
        setattr(sys, name, io.TextIOWrapper(raw, write_through=True, errors='backslashreplace'))
    os.chdir(log.parent)
    if case.prepare:
        case.prepare()
    try:
        sys.argv = ['cityseg', *map(str, case.words)]
        status = main()
    except BaseException as error:
        text = f'Traceback: {type(error).__name__} {error}\n'
        os.write(output, text.encode('utf-8', 'backslashreplace'))
        status = TRACEBACK
    os._exit(status)


def in_a_child(function: Callable, seconds: float) -> int | None:
    "Call a function in a fork; its exit status (below 0: the signal that killed it), None if it hangs."
    child = os.fork()
    if not child:
        os.setpgrp()
        function()
        os._exit(0)
    end = time.monotonic() + seconds
    done = status = 0
    while not done and time.monotonic() < end:
        time.sleep(.01)
        done, status = os.waitpid(child, os.WNOHANG)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)   # its children, too
    if done:
        return os.waitstatus_to_exitcode(status)
    os.waitpid(child, 0)


def verdict(case: Case, status: int | None, said: str) -> str:
    "What is wrong with how a case ended, or nothing."
    if status is None:
        return 'hangs'
    if 'Traceback' in said or status == TRACEBACK:
        return 'traceback'
    if '(unexpected' in said:
        return 'unexpected'
    if status < 0 and case.kind != f'signal {-status}':
        return f'killed by signal {-status}'
    if 'a device' in case.kind and not Path(case.words[-1]).is_char_device():
        return 'replaces a device'
    if status == 0 and case.fails:
        return 'says 0'
    if status == 0 and not all(Path(path).exists() for path in case.results):
        return 'says 0 without the result'
    speaks = case.kind not in ('no stderr', 'no streams')
    if status and speaks and not said.strip():
        return 'fails without a word'
    return ''


def play(cases: Iterator[Case]) -> Counter:
    "Run cases one after the other; how they ended, counted."
    counts = Counter()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder)/'log'
        for case in cases:
            log.write_text('')
            status = in_a_child(partial(run_case, case, log), PATIENCE)
            said = log.read_text(errors='replace')
            if status == NOT_POSSIBLE:
                counts['not possible here'] += 1
                continue
            wrong = verdict(case, status, said)
            counts[wrong or ('done' if status == 0 else 'refused')] += 1
            if wrong:
                words = ' '.join(ascii(str(word)) for word in case.words)
                print(f'{wrong}: {case.kind}: {words}\n    [{status}] {said[-600:]!a}', flush=True)
    return counts


def campaign(seed: int = 0, n: int = 200) -> Counter:
    "`n` cases of damaged files, all bad outputs, n/2 odd values and bad surroundings; how they ended."
    for room in ('training', 'submission', 'video', 'inspector', 'kernels', 'robustness', 'cli'):
        importlib.import_module(f'cityseg.{room}')   # once, not in each child
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        if in_a_child(stage.build, 600) != 0:
            raise RuntimeError('the stage could not be built')
        kinds = [damaged_inputs(stage, rng, n), bad_outputs(stage), odd_values(stage, rng, n//2),
                 bad_surroundings(stage, rng, n//2)]
        return sum(map(play, kinds), Counter())


if __name__ == '__main__':
    ends = campaign(*map(int, sys.argv[1:]))
    print(', '.join(f'{count} {how}' for how, count in sorted(ends.items())))
    sys.exit(1 if set(ends) - {'done', 'refused', 'not possible here'} else 0)
