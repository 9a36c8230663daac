"""What goes wrong on an operator's machine, said in a sentence that tells what to do."""


class Problem(Exception):
    """Ends a command: its sentence goes to stderr, and the exit code is 1."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
