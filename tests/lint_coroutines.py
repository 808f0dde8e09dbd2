#!/usr/bin/env python3
"""Finds what g++ 12 compiles wrongly around co_await (it destroys some temporaries twice), and what is easily wrong.

usage: lint_coroutines.py [FILE...]     default: every C++ file of the project; exit code 1: breaches, one a line

Within one full expression that contains co_await there must be no capturing lambda, no braced initialiser, no ?: and no
second co_await; give the thing a name first. And no capturing lambda is itself a coroutine: its captures die with the
lambda object while the coroutine still runs.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTROL = {"if", "while", "for", "switch", "constexpr", "catch"}
# A `{` after one of these opens a block, not an initialiser.
BEFORE_BLOCK = {"else", "do", "try", "const", "mutable", "noexcept", "override", "final"}


def blank(text):
    """The same text, as long, with comments, strings and characters replaced by spaces (line ends stay)."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.DOTALL)


def word_before(text, at):
    match = re.search(r"(\w+)\s*$", text[max(0, at - 80):at])
    return match.group(1) if match else ""


def char_before(text, at):
    stripped = text[max(0, at - 400):at].rstrip()
    return stripped[-1] if stripped else ""


def is_block(text, at):
    """Whether the `{` at this place opens a block."""
    before = char_before(text, at)
    if before in ";{})" or before == "":
        return True
    if before == ":":
        return True
    if word_before(text, at) in BEFORE_BLOCK:
        return True
    head = text[max(0, at - 400):at]
    return "->" in re.split(r"[;{}]", head)[-1] and before in ">&*" or bool(
        re.search(r"\)\s*(?:const\s*|mutable\s*|noexcept\s*)*->\s*[\w:<>,&*\s]+$", head))


def closing(text, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def lambda_at(text, at):
    """If a lambda begins at the `[` at `at`: (captures, begin of body, end of body), else None."""
    before = char_before(text, at)
    if before and (before.isalnum() or before in "_)]\"") and word_before(text, at) not in ("return", "co_return", "co_await"):
        return None
    if text.startswith("[[", at):
        return None
    end = closing(text, at)
    match = re.compile(r"\s*(<[^()]*>)?\s*(\(|\{)").match(text, end + 1)
    if not match:
        return None
    body = match.end() - 1
    if text[body] == "(":
        body = text.find("{", closing(text, body))
        if body < 0 or ";" in text[end:body].split(")")[-1]:
            return None
    return text[at + 1:end].strip(), body, closing(text, body)


def expression_around(text, at):
    """(begin, end, brace) of the full expression around the co_await at `at`; brace: it stands in an initialiser."""
    depth, opened, begin, brace = 0, 0, 0, False
    for i in range(at - 1, -1, -1):
        c = text[i]
        if c in ")]":
            depth += 1
        elif c in "([":
            if depth:
                depth -= 1
            elif c == "(" and word_before(text, i) in CONTROL:
                begin = i + 1
                break
            else:
                opened += 1
        elif c == "}":
            if depth == 0 and opened == 0:
                begin = i + 1
                break
            depth += 1
        elif c == "{":
            if depth:
                depth -= 1
            elif is_block(text, i):
                begin = i + 1
                break
            else:
                opened, brace = opened + 1, True
        elif c == ";" and depth == 0:
            begin = i + 1
            break
    depth = opened
    for i in range(at, len(text)):
        c = text[i]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth < 0:
                return begin, i, brace
        elif c == ";" and depth == 0:
            return begin, i, brace
    return begin, len(text), brace


def breaches_of_expression(text, begin, end, brace):
    found = {"a braced initialiser"} if brace else set()
    i, awaits = begin, 0
    while i < end:
        c = text[i]
        lam = lambda_at(text, i) if c == "[" else None
        if lam:
            captures, _, body_end = lam
            if captures:
                found.add("a capturing lambda")
            i = body_end + 1
            continue
        if c == "{":
            found.add("a braced initialiser")
        elif c == "?":
            found.add("a ?:")
        elif text.startswith("co_await", i) and re.match(r"co_await\b", text[i:i + 9]):
            awaits += 1
            if awaits == 2:
                found.add("a second co_await")
        i += 1
    return sorted(found)


def check_text(name, source):
    text = blank(source)
    seen = set()
    for match in re.finditer(r"\bco_await\b", text):
        begin, end, brace = expression_around(text, match.start())
        line = text.count("\n", 0, match.start()) + 1
        for what in breaches_of_expression(text, begin, end, brace):
            if (begin, what) not in seen:
                seen.add((begin, what))
                yield f"{name}:{line}: {what} in an expression with co_await; give it a name first"
    for match in re.finditer(r"\[", text):
        lam = lambda_at(text, match.start())
        if not lam or not lam[0]:
            continue
        body = text[lam[1] + 1:lam[2]]
        for inner in re.finditer(r"\[", body):  # a lambda inside is looked at by itself
            nested = lambda_at(body, inner.start())
            if nested:
                body = body[:nested[1]] + " " * (nested[2] - nested[1]) + body[nested[2]:]
        if re.search(r"\bco_(await|return|yield)\b", body):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: a capturing lambda is a coroutine; make it a named function that takes what it owns by value"


def project_files():
    rooms = [p.parent.name for p in ROOT.glob("*/*.cpp")] + ["tests"]
    for room in sorted(set(rooms)):
        for path in sorted((ROOT / room).rglob("*.[ch]pp")):
            if "node_modules" not in path.parts and "build" not in path.parts:
                yield path


def main(argv):
    breaches = []
    for path in [Path(a) for a in argv[1:]] or project_files():
        text = path.read_text(errors="replace")
        if "co_" in text:
            breaches += check_text(str(path.relative_to(ROOT) if path.is_absolute() else path), text)
    print("\n".join(breaches) if breaches else "coroutines: nothing found")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
