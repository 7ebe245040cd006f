"""The speed case with other settings, so that each figure has a command of its own."""

import argparse

from . import speed


class Preset:
    def __init__(self, **settings):
        self.settings = settings

    def run(self, running_of, settings, report):
        speed.run(running_of, argparse.Namespace(**{**vars(settings), **self.settings}), report)


KILOBYTE = Preset(value_size=1024, pipelines=[16], commands=["GET", "SET"], workers=[1])
MANY = Preset(many=100, pipelines=[1, 16], commands=["MGET", "MSET"], workers=[1])
