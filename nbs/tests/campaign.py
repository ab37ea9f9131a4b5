"""Bad input by the hundred: every verb on files of the wrong shape, damaged files, devices, full disks, closed streams.

`python campaign.py [SEED [CASES]]` prints each case that doesn't end as it should, and the counts."""
import functools
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
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60  # seconds; a case that takes longer hangs
TRACEBACK, NOT_POSSIBLE = 99, 77  # exit statuses


class Case(NamedTuple):
    "A command, what is done to its input or its surroundings, and the files that it must leave if it says 0."
    kind: str
    words: list
    results: tuple = ()  # paths
    prepare: Callable | None = None  # in the process of the verb, just before
    fails: bool = False  # must it not end with 0?


def run_case(case: Case, log: str):
    "In a process of its own: run a verb as the shell's command does, everything it says in a file."
    from cityseg.cli import main
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, 'wb', 0), write_through=True, errors='backslashreplace')
    sys.stderr = io.TextIOWrapper(os.fdopen(2, 'wb', 0), write_through=True, errors='backslashreplace')
    os.chdir(Path(log).parent)
    if case.prepare:
        case.prepare()
    try:
        status = main([str(word) for word in case.words])
    except BaseException as error:
        with suppress(Exception):
            os.write(output, f'Traceback: {type(error).__name__} {error}\n'.encode('utf-8', 'backslashreplace'))
        os._exit(TRACEBACK)
    os._exit(status)


def verdict(case: Case, status: int | None, said: str) -> str:
    "What is wrong with how a case ended, or nothing."
    if status is None:
        return 'hangs'
    if 'Traceback' in said or status == TRACEBACK:
        return 'traceback'
    if '(unexpected' in said:
        return 'unexpected'
    if status < 0:
        return f'killed by signal {-status}'
    if 'output a device' in case.kind and not Path(case.words[-1]).is_char_device():
        return 'replaces a device'
    if status == 0 and case.fails:
        return 'says 0'
    if status == 0 and not all(Path(path).exists() for path in case.results):
        return 'says 0 without the result'
    if status not in (0, 130) and not said.strip() and case.kind != 'stream':
        return 'fails without a word'
    return ''


# What is done to a file

def empty(path: Path, rng: random.Random):
    path.write_bytes(b'')


def cut_off(path: Path, rng: random.Random):
    content = path.read_bytes()
    path.write_bytes(content[:rng.randrange(len(content))])


def flip_bits(path: Path, rng: random.Random):
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 20])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def other_text(path: Path, rng: random.Random):
    path.write_text('Not found\x1b[2J\n')


def folder_instead(path: Path, rng: random.Random):
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path, rng: random.Random):
    path.unlink()
    os.mkfifo(path)


def link_in_circles(path: Path, rng: random.Random):
    path.unlink()
    path.symlink_to(path.name)


def wrong_shape(path: Path, rng: random.Random):
    "JSON of another shape: a plain value, or one key missing or of another type."
    plain = [None, [], 3, 'text', [[1]], {}]
    try:
        content = json.loads(path.read_text())
    except ValueError:   # lines of JSON
        lines = path.read_text().splitlines()
        lines[rng.randrange(len(lines))] = json.dumps(rng.choice(plain))
        path.write_text('\n'.join(lines) + '\n')
        return
    if isinstance(content, dict) and content and rng.random() < .8:
        inner = content
        while True:
            key = rng.choice(list(inner))
            if isinstance(inner[key], dict) and inner[key] and rng.random() < .6:
                inner = inner[key]
                continue
            break
        if rng.random() < .3:
            del inner[key]
        else:
            inner[key] = rng.choice([*plain, 1e30, -1, True])
        path.write_text(json.dumps(content))
    else:
        path.write_text(json.dumps(rng.choice(plain)))


def wrong_tensors(path: Path, rng: random.Random):
    "A checkpoint that holds something else."
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


class Stage:
    "A small city, predictions, a run and a store, of which each case gets a copy."

    def __init__(self, place: Path):
        self.place, self.base, self.count = place, place/'base', 0

    def build(self):
        "Make what is copied."
        from cityseg.cli import run_verb
        from cityseg.toycity import toy_city
        base = self.base
        toy_city(base/'city', size=(128, 256), train=2, val=2, test=2)
        train = 'train {0}/city --out {0}/run --recipe cpu --iterations 2 --batch-size 2 --crop-size 64 64 --workers 0'
        for words in (train, 'pack {0}/city --out {0}/store', 'predict {0}/run {0}/city --split val --out {0}/val',
                      'predict {0}/run {0}/city --split test --out {0}/test', 'submit {0}/val --zip {0}/val.zip'):
            run_verb(words.format(base).split())
        (base/'notes.json').write_text('{"lindental_000000_000000": "a note"}')
        kernel = Path(__file__).resolve().parents[2]/'kaggle'/'train'
        shutil.copytree(kernel, base/'kernel')

    def copy(self) -> Path:
        "A copy that may be spoiled."
        self.count += 1
        return Path(shutil.copytree(self.base, self.place/f'{self.count}', symlinks=True))

    def reading(self, where: Path) -> dict:
        "The commands that read each part of the stage: {part: [(words, results)]}."
        out = where/'out'
        city, run, store, val, archive = (where/name for name in ('city', 'run', 'store', 'val', 'val.zip'))
        train = ['train', '--out', out, '--recipe', 'cpu', '--iterations', 1, '--batch-size', 2, '--crop-size', 64, 64,
                 '--workers', 0]
        def evaluate(predictions, data):
            return ['evaluate', predictions, data, '--json', out], [out]
        def film(source, data, split='val'):
            return ['timelapse', source, data, '--split', split, '--out', f'{out}.mp4'], [f'{out}.mp4']
        def page(data, predictions):
            return ['inspect', data, predictions, '--out', f'{out}.html'], [f'{out}.html']
        def predict(model, data):
            return ['predict', model, data, '--split', 'val', '--out', out], [out]
        return dict(
            city=[(['check', city], []), ([*train, city], [out/'best']), evaluate(val, city), film(val, city),
                  page(city, val), predict(run, city), (['pack', city, '--out', out], [out/'manifest.json'])],
            store=[(['check', store], []), ([*train, store], [out/'best']), evaluate(val, store), film(val, store),
                   page(store, val)],
            val=[evaluate(val, city), film(val, city), page(city, val), (['submit', '--check', val], []),
                 (['submit', val, '--zip', out], [out])],
            archive=[evaluate(archive, city), film(archive, city), page(city, archive),
                     (['submit', '--check', archive], []), (['submit', archive, '--zip', out], [out])],
            run=[predict(run, city), film(run, city), page(city, run), (['compare', run, '--plot', f'{out}.png'], [f'{out}.png']),
                 ([*train, city, '--out', run, '--iterations', 3, '--resume'], [run/'best']),
                 (['weather', run, city, '--count', 1, '--strengths', .5, '--out', out], [out/'weather.png'])],
            notes=[(['inspect', city, val, '--out', f'{out}.html', '--notes', where/'notes.json'], [f'{out}.html'])],
            kernel=[(['kernel', 'check', where/'kernel'], []),
                    (['kernel', 'build', where/'kernel', '--owner', 'ada', '--out', out], [out/'kernel-metadata.json'])])

    def spoiled_file(self, part: str, where: Path, rng: random.Random) -> Path:
        "One of the files of a part."
        folder = dict(archive=where/'val.zip', notes=where/'notes.json').get(part, where/part)
        if folder.is_file():
            return folder
        files = [p for p in sorted(folder.rglob('*')) if p.is_file() and not is_ignored(p)]
        suffix = rng.choice(sorted({p.suffix for p in files}))   # each kind of file as often
        return rng.choice([p for p in files if p.suffix == suffix])


def is_ignored(path: Path) -> bool:
    "Is this a file that no verb reads?"
    return path.name.startswith('.') or path.parent.name in ('tb', 'panels') or \
        path.suffix in ('.html', '.jpg') or path.name.endswith(('color.png', 'polygons.json'))


def damaged_inputs(stage: Stage, rng: random.Random, n: int):
    "Cases of files that are not what they should be."
    parts = ['city', 'store', 'val', 'archive', 'run', 'run', 'notes', 'kernel']
    for i in range(n):
        part, where = parts[i % len(parts)], stage.copy()
        path = stage.spoiled_file(part, where, rng)
        hurts = list(ANY_FILE)
        if path.suffix in ('.json', '.jsonl', '.ipynb'):
            hurts = [wrong_shape]*6 + hurts
        if path.suffix == '.pt':
            hurts = [wrong_tensors]*4 + hurts
        hurt = rng.choice(hurts)
        hurt(path, rng)
        words, results = rng.choice(stage.reading(where)[part])
        yield Case(f'{hurt.__name__} {path.relative_to(where)}', words, tuple(results))


def bad_outputs(stage: Stage, rng: random.Random):
    "Cases of places that can't be written to."
    def file_above(where):
        (where/'blocked').write_text('a file')
        return where/'blocked'/'x'
    def folder(where):
        (where/'folder'/'below').mkdir(parents=True)
        return where/'folder'
    def device(where):
        os.mknod(where/'device', stat.S_IFCHR | 0o666, os.makedev(1, 7))   # as /dev/full
        return where/'device'
    def pipe(where):
        os.mkfifo(where/'pipe')
        return where/'pipe'
    outputs = {'below a file': file_above, 'a folder': folder, 'a device': device, 'a pipe': pipe,
               'empty': lambda where: '', 'a long name': lambda where: where/('x'*300),
               'no file system': lambda where: '/proc/nothing/x', 'a zero byte': lambda where: f'{where}/x\0y'}
    if os.geteuid():
        del outputs['a device']   # only root makes some
    verbs = dict(
        pack='pack {city} --out', train='train {city} --recipe cpu --iterations 1 --batch-size 2 --crop-size 64 64 '
        '--workers 0 --out', predict='predict {run} {city} --split val --out', evaluate='evaluate {val} {city} --json',
        frames='evaluate {val} {city} --frames', submit='submit {val} --zip', timelapse='timelapse {val} {city} --split val --out',
        weather='weather {run} {city} --count 1 --strengths .5 --out', inspect='inspect {city} {val} --out',
        compare='compare {run} --plot', build='kernel build train --owner ada --out')
    takes_folder = ('pack', 'train', 'predict', 'weather', 'build')
    for name, command in verbs.items():
        for what, make in outputs.items():
            where = stage.copy()
            words = command.format(city=where/'city', run=where/'run', val=where/'val').split()
            fits = what == 'a folder' and name in takes_folder
            yield Case(f'output {what}', [*words, make(where)], fails=not fits)


def surroundings(stage: Stage, rng: random.Random, n: int):
    "Cases of closed streams, small file sizes, full and read-only disks, and signals."
    def closed(*numbers):
        def prepare():
            for number in numbers:
                os.close(number)
                setattr(sys, {1: 'stdout', 2: 'stderr'}[number], None)
        return prepare
    def broken_pipe():
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
    def ascii_only():
        sys.stdout.reconfigure(encoding='ascii', errors='strict')
        sys.stderr.reconfigure(encoding='ascii', errors='strict')
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    def mounted(where, *options):
        def prepare():
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(0x20000) or libc.mount(b'none', b'/', None, 0x44000, None):
                os._exit(NOT_POSSIBLE)   # not allowed here
            libc.mount(b'tmpfs', str(where).encode(), b'tmpfs', 1 if 'ro' in options else 0, b'size=24k,nr_inodes=40')
        return prepare
    def interrupted(number):
        delay = rng.uniform(.01, 3)
        def prepare():
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            if not os.fork():
                time.sleep(delay)
                with suppress(ProcessLookupError):
                    os.kill(os.getppid(), number)
                os._exit(0)
        return prepare
    for i in range(n):
        where = stage.copy()
        commands = stage.reading(where)
        part = rng.choice(list(commands))
        words, results = rng.choice(commands[part])
        how = i % 8
        if how == 0:
            yield Case('stream', words, tuple(results), closed(2))
        elif how == 1:
            yield Case('stream', words, tuple(results), closed(1, 2))
        elif how == 2:
            yield Case('stream', words, tuple(results), broken_pipe)
        elif how == 3:
            strange = where.with_name(f'Zürich {i} \udcff')
            where.rename(strange)
            words = [Path(str(w).replace(str(where), str(strange))) if str(where) in str(w) else w for w in words]
            results = [str(r).replace(str(where), str(strange)) for r in results]
            yield Case('ascii only', words, tuple(results), ascii_only)
        elif how == 4:
            yield Case('small files', words, tuple(results), small_files)
        elif how in (5, 6):
            place = where/'small'
            place.mkdir()
            options = () if how == 5 else ('ro',)
            words = [Path(str(w).replace(str(where/'out'), str(place/'out'))) if str(where/'out') in str(w) else w for w in words]
            results = [str(r).replace(str(where/'out'), str(place/'out')) for r in results]
            yield Case('full disk' if how == 5 else 'read-only disk', words, (), mounted(place, *options))
        else:
            number = rng.choice([signal.SIGINT, signal.SIGTERM])
            yield Case(f'signal {number}', words, (), interrupted(number))


def in_a_child(function: Callable, seconds: float) -> int | None:
    "Call a function in a fork of this process; its exit status (below 0: the signal that killed it), None if it hangs."
    child = os.fork()
    if not child:
        os.setpgrp()
        function()
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)   # its children, too
    if done:
        return os.waitstatus_to_exitcode(status)
    os.waitpid(child, 0)


def play(cases: Iterator[Case], report: Callable) -> Counter:
    "Run cases one after the other; how they ended, counted."
    counts = Counter()
    with tempfile.TemporaryDirectory() as folder:
        log = f'{folder}/log'
        for case in cases:
            Path(log).write_text('')
            status = in_a_child(lambda: run_case(case, log), PATIENCE)
            said = Path(log).read_text(errors='replace')
            if status == NOT_POSSIBLE:
                counts['not possible here'] += 1
                continue
            wrong = verdict(case, status, said)
            counts[wrong or ('done' if status == 0 else 'refused')] += 1
            if wrong:
                words = ' '.join(ascii(str(word)) for word in case.words)
                report(f'{wrong}: {case.kind}: {words}\n    [{status}] {said[-600:]!a}')
    return counts


def campaign(seed: int = 0, n: int = 200) -> Counter:
    "All kinds of cases: `n` of damaged files, as many bad outputs as there are, and n/2 bad surroundings."
    for room in ('training', 'submission', 'video', 'inspector', 'kernels', 'robustness', 'cli'):
        importlib.import_module(f'cityseg.{room}')   # once, not in each child
    rng = random.Random(seed)
    counts = Counter()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        if in_a_child(stage.build, 600) != 0:
            raise RuntimeError('the stage could not be built')
        report = functools.partial(print, flush=True)
        for cases in (damaged_inputs(stage, rng, n), bad_outputs(stage, rng), surroundings(stage, rng, n//2)):
            counts += play(tidied(stage, cases), report)
    return counts


def tidied(stage: Stage, cases: Iterator[Case]) -> Iterator[Case]:
    "The cases, without the copies of those before."
    for number, case in enumerate(cases):
        yield case
        if number % 20 == 19:
            for old in sorted(stage.place.glob('[!b]*'))[:-1]:
                shutil.rmtree(old, ignore_errors=True)


if __name__ == '__main__':
    counts = campaign(*map(int, sys.argv[1:]))
    print(', '.join(f'{count} {how}' for how, count in sorted(counts.items())))
    sys.exit(1 if set(counts) - {'done', 'refused', 'not possible here'} else 0)
