"""
Sets up a clone and runs one of its commands: serve, test, check or bench.

Only the standard library is at hand here: this is what makes the rest so.
"""

import sys

OLDEST = (3, 11)


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; 2 when it cannot be set up."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"Dealcast needs Python 3.11 or newer; this is {found}.", file=sys.stderr)
        return 2
    from setting import commands
    from setting.say import Failure

    try:
        return commands.run(arguments)
    except Failure as failure:
        print(f"{failure}", file=sys.stderr)
    except OSError as error:
        print(f"The set-up failed: {error}.", file=sys.stderr)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 2


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main(sys.argv[1:]))
