"""Every small way in which firestore.rules could be wrong: each is the file with one thing changed.

    drop        one condition of an && chain, one alternative of an ||; a whole condition becomes `true`
    negate      == and !=, a ! taken away; && and ||
    loosen      < <= > >= one into another; a number one up or down
    lists       an element less, a word more; hasOnly, hasAny, hasAll one into another
    patterns    a class that takes anything, a bound one up or down, a literal part that is no longer asked for
    words       a field name, a status, a collection: another word
    documents   the one before for the one after, and back
    grants      an operation more or less in an `allow`; a match that takes in what lies below

It works on the text: a tokenizer, and for conditions the nesting of brackets. What it makes may fail to compile only by
a mistake here, so that is an error there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

FOREIGN_WORD = "surprise"
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*) | (?P<string>'(?:[^'\\]|\\.)*') | (?P<number>-?\d+(?:\.\d+)?) | (?P<word>[A-Za-z_]\w*)
      | (?P<operator>&&|\|\||==|!=|<=|>=|[<>!]) | (?P<mark>[()\[\]{};:,.+/$=*]) | (?P<space>\s+)""",
    re.VERBOSE,
)
_COMPARISONS = {"==": ("!=",), "!=": ("==",), "<=": ("<", ">="), ">=": (">", "<="), "<": ("<=",), ">": (">=",)}
_SET_METHODS = ("hasOnly", "hasAny", "hasAll")
_OPERATIONS = ("get", "list", "create", "update", "delete")
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Mutant:
    """`words`: of what was changed, and `around` it; they guess what will notice.

    It can only matter for `collection` (None: for any) and `operation` (None: for any). Where it is in the block of one
    collection, `rules` leaves the other blocks out, as they have no say: that spares half of the compiling.
    """

    name: str
    rules: str
    words: frozenset[str]
    around: frozenset[str]
    collection: str | None
    operation: str | None = None


def mutants(rules: str) -> list[Mutant]:
    """All of them, in the order of the file, none twice."""
    made = {mutant.rules: mutant for mutant in _Mutator(rules).all()}
    return [mutant for mutant in made.values() if mutant.rules != _only(mutant.collection, rules)]


class _Mutator:
    def __init__(self, rules: str) -> None:
        self._rules = rules
        every = [Token(str(match.lastgroup), match[0], match.start()) for match in _TOKEN.finditer(rules)]
        assert "".join(token.text for token in every) == rules, "the tokenizer does not know a sign of these rules"
        self._tokens = [token for token in every if token.kind not in {"comment", "space"}]

    def all(self) -> Iterator[Mutant]:
        for index, token in enumerate(self._tokens):
            yield from self._of_token(index, token)
            if token.text in {"return", "if"}:
                yield from self._condition(index + 1, self._until(index + 1, ";"))
            if token.text == "allow":
                yield from self._grants(index + 1)

    # ── single tokens ────────────────────────────────────────────────────────────────────────────────────────────────

    def _of_token(self, index: int, token: Token) -> Iterator[Mutant]:
        if token.kind == "operator":
            yield from self._operator(token)
        elif token.kind == "number" and not self._is_default(index):
            yield from self._other_numbers(token)
        elif token.kind == "string":
            yield from self._string(index, token)
        elif token.kind == "word":
            yield from self._word(index, token)
        elif token.text == "[":
            yield from self._list(index)

    def _operator(self, token: Token) -> Iterator[Mutant]:
        for other in _COMPARISONS.get(token.text, ()):
            yield self._with("compare", token.start, token.end, other)
        if token.text in {"&&", "||"}:
            yield self._with("join", token.start, token.end, "||" if token.text == "&&" else "&&")
        if token.text == "!":
            yield self._with("negate", token.start, token.end, "")

    def _word(self, index: int, token: Token) -> Iterator[Mutant]:
        before, after = self._texts(index - 2, 2), self._texts(index + 1, 4)
        if token.text in _SET_METHODS:
            for other in _SET_METHODS:
                yield self._with("method", token.start, token.end, other)
        elif token.text == "request" and after == [".", "resource", ".", "data"]:
            yield self._with("document", token.start, self._tokens[index + 2].start, "")
        elif token.text == "resource" and before[1] != "." and after[:2] == [".", "data"]:
            yield self._with("document", token.start, token.start, "request.")
        elif before == ["/", "{"] and after[0] == "}" and token.text != "database":
            yield self._with("match", token.end, token.end, "=**")

    def _other_numbers(self, token: Token) -> Iterator[Mutant]:
        step = 0.01 if "." in token.text else 1
        value = float(token.text) if "." in token.text else int(token.text)
        for other in (value + step, value - step):
            yield self._with("number", token.start, token.end, f"{other:.6g}" if step < 1 else str(other))

    def _list(self, index: int) -> Iterator[Mutant]:
        end = self._closing(index)
        elements = [token for token in self._tokens[index + 1 : end] if token.kind == "string"]
        if not elements:
            return
        closing = self._tokens[end]
        yield self._with("list", closing.start, closing.start, f", '{FOREIGN_WORD}'")
        for number, element in enumerate(elements):
            last = number == len(elements) - 1
            start = elements[number - 1].end if last and number else element.start
            yield self._with("list", start, element.end if last else elements[number + 1].start, "")

    def _string(self, index: int, token: Token) -> Iterator[Mutant]:
        if self._is_in_list(index) or self._texts(index - 2, 2) == ["rules_version", "="]:
            return
        if "{" in token.text or self._tokens[index - 1].text == "+" or self._texts(index, 2)[1] == "+":
            yield from self._pattern(token)
        elif self._is_default(index):
            yield self._with("default", token.start, token.end, "[]")
        else:
            yield self._with("word", token.start, token.end, f"'{FOREIGN_WORD}'")

    def _pattern(self, token: Token) -> Iterator[Mutant]:
        for part in re.finditer(r"\[[^\]]+\]|\{(\d+),(\d+)\}|[a-z]+(?=/)|\(|[*?]", token.text):
            start, end = token.start + part.start(), token.start + part.end()
            if part[1]:
                low, high = int(part[1]), int(part[2])
                for bounds in ((low - 1, high), (low + 1, high), (low, high - 1), (low, high + 1)):
                    yield self._with("pattern", start, end, f"{{{bounds[0]},{bounds[1]}}}")
            elif part[0].startswith("["):
                yield self._with("pattern", start, end, ".")
                yield self._with("pattern", start, end, r"(.|\\n)")
            elif part[0].isalpha():
                yield self._with("pattern", start, end, "[a-z]+")
            elif part[0] in "*?":
                yield self._with("pattern", start, end, "{1}")
                yield self._with("pattern", start, end, "?" if part[0] == "*" else "*")

    # ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _condition(self, start: int, end: int, *, whole: bool = True) -> Iterator[Mutant]:
        """Of the tokens from start to end: the parts of a chain dropped one by one, and what is in their brackets."""
        tokens = self._tokens
        if tokens[start].text == "[":
            return
        if whole:
            yield self._with("drop all of", tokens[start].start, tokens[end].start, "true")
        for joint in ("||", "&&"):
            cuts = [index for index in self._on_top(start, end) if tokens[index].text == joint]
            if cuts:
                parts = list(zip([start, *(cut + 1 for cut in cuts)], [*cuts, end], strict=True))
                for number, (first, after) in enumerate(parts):
                    if number:
                        yield self._with("drop", tokens[first - 1].start, tokens[after - 1].end, "")
                    else:
                        yield self._with("drop", tokens[first].start, tokens[parts[1][0]].start, "")
                    yield from self._condition(first, after, whole=False)
                return
        if tokens[start].text == "!":
            yield from self._condition(start + 1, end, whole=False)
        elif tokens[start].text == "(" and self._closing(start) == end - 1:
            yield from self._condition(start + 1, end - 1, whole=False)

    def _grants(self, start: int) -> Iterator[Mutant]:
        """An operation more, an operation less; `read` is get and list. Nothing left: the statement goes."""
        colon, end = self._until(start, ":"), self._until(start, ";")
        named = [token.text for token in self._tokens[start:colon] if token.kind == "word"]
        granted = [op for name in named for op in (("get", "list") if name == "read" else (name,))]
        first, after = self._tokens[start].start, self._tokens[colon].start
        for operation in _OPERATIONS:
            others = [op for op in granted if op != operation]
            if operation not in granted:
                mutant = self._with("grant", first, after, ", ".join([*granted, operation]))
            elif others:
                mutant = self._with("revoke", first, after, ", ".join(others))
            else:
                mutant = self._with("revoke", self._tokens[start - 1].start, self._tokens[end].end, "")
            yield replace(mutant, operation=operation)

    # ── where ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_default(self, index: int) -> bool:
        """The second argument of `data.get(name, default)`."""
        return self._tokens[index - 1].text == "," and self._texts(index - 4, 2) == ["get", "("]

    def _is_in_list(self, index: int) -> bool:
        while (index and self._tokens[index].kind == "string") or self._tokens[index].text == ",":
            index -= 1
        return self._tokens[index].text == "["

    def _texts(self, index: int, count: int) -> list[str]:
        return [token.text for token in self._tokens[index : index + count]]

    def _until(self, index: int, text: str) -> int:
        while self._tokens[index].text != text:
            index += 1
        return index

    def _closing(self, index: int) -> int:
        depth = 0
        for at in range(index, len(self._tokens)):
            depth += (self._tokens[at].text in _OPENING) - (self._tokens[at].text in _CLOSING)
            if not depth:
                return at
        raise AssertionError("the brackets do not match")

    def _on_top(self, start: int, end: int) -> Iterator[int]:
        """The tokens that are in no brackets of their own."""
        index = start
        while index < end:
            yield index
            index = self._closing(index) + 1 if self._tokens[index].text in _OPENING else index + 1

    def _with(self, what: str, start: int, end: int, text: str) -> Mutant:
        """The file with `text` for what stands from start to end. The name says where, in the words of the file."""
        before, after = self._rules[:start], self._rules[end:]
        line = before.count("\n") + 1
        around = before[before.rfind("\n", 0, before.rfind("\n") if before.endswith("\n") else None) + 1 :]
        old = " ".join(self._rules[start:end].split())
        said = f"{what} `{_short(old)}`" + (f" for `{text}`" if text else "") if old else f"{what} `{text}`"
        context = " ".join((around.split("\n")[-1].strip()[-40:], "…", after.split("\n", 1)[0].strip()[:40]))
        function = re.findall(r"function (\w+)\(", before)[-1:]
        callers = [line for line in self._rules.splitlines() if function and f"{function[0]}(" in line]
        words, lines = (
            _words(part) for part in (f"{old} {text}", " ".join([around, after.split("\n", 1)[0], *callers]))
        )
        name = f"{line}: {said} in `{context}`"
        collection = self._collection(before)
        return Mutant(name, _only(collection, before + text + after), words, lines, collection)

    def _collection(self, before: str) -> str | None:
        """That of the match block which the text before leaves open."""
        blocks = re.findall(r"^    match /(\w+)/|^    (\})$", before, re.MULTILINE)
        return blocks[-1][0] or None if blocks else None


def _only(collection: str | None, rules: str) -> str:
    """Without the blocks of other collections."""
    if collection is None:
        return rules
    return re.sub(rf"^    match /(?!{collection}/).*?^    \}}\n", "", rules, flags=re.MULTILINE | re.DOTALL)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]} … {text[-15:]}"


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))
