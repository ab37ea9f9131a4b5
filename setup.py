"Installs cityseg; every value comes from settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup

parser = ConfigParser(interpolation=None, delimiters=['='])
parser.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], license='MIT',
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], keywords=cfg['keywords'],
    long_description=(Path(__file__).parent/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    packages=[cfg['lib_path']], package_data={cfg['lib_path']: ['*.html']},
    python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(),
    extras_require={'fast': cfg['fast_requirements'].split(),
                    'dev': (cfg['dev_requirements'] + ' ' + cfg['fast_requirements']).split()},
    entry_points={'console_scripts': cfg['console_scripts'].split()},
)
