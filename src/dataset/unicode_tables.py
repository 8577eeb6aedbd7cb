#!/usr/bin/env python3
"""Writes unicode_tables.cpp: what the tokenizer's expressions know of characters, of one version of Unicode.

    python3 -m venv VENV && VENV/bin/pip install regex==2024.11.6 && VENV/bin/python src/dataset/unicode_tables.py

The data are those of the `regex` package, whose release 2024.11.6 has Unicode 16.0, as Oniguruma has in Hugging Face's
tokenizers 0.23. Nothing else depends on the version: PCRE2 sees no character beyond ASCII (oniguruma_regex.hpp).
"""
import pathlib
import textwrap

import regex
from regex import _regex

VERSION = "16.0"
LAST = 0x10FFFF
# (name, short name) of the properties that are either true or false; others are refused by name.
BINARY = [("Alphabetic", "Alpha"), ("Lowercase", "Lower"), ("Uppercase", "Upper"), ("White_Space", "WSpace"),
          ("Join_Control", "Join_C"), ("Emoji", ""), ("Emoji_Presentation", "EPres"), ("Emoji_Modifier", "EMod"),
          ("Emoji_Modifier_Base", "EBase"), ("Emoji_Component", "EComp"), ("Extended_Pictographic", "ExtPict"),
          ("Ideographic", "Ideo"), ("Unified_Ideograph", "UIdeo"), ("Dash", ""), ("Hex_Digit", "Hex"),
          ("ASCII_Hex_Digit", "AHex"), ("Math", ""), ("Quotation_Mark", "QMark"), ("Regional_Indicator", "RI"),
          ("Variation_Selector", "VS"), ("Default_Ignorable_Code_Point", "DI"), ("Diacritic", "Dia"),
          ("Extender", "Ext"), ("Terminal_Punctuation", "Term"), ("Sentence_Terminal", "STerm"),
          ("Bidi_Control", "Bidi_C")]


def key(name):
    return "".join(c for c in name.lower() if c.isalnum())


def values_of(property_name, names):
    """The one of `names` that holds for each code point."""
    found = [None] * (LAST + 1)
    text = "".join(map(chr, range(LAST + 1)))
    for name in names:
        for match in regex.finditer(r"\p{%s=%s}+" % (property_name, name), text):
            found[match.start():match.end()] = [name] * (match.end() - match.start())
    assert None not in found
    return found


def runs(values):
    result = []
    for value in values:
        if result and result[-1][1] == value:
            result[-1][0] += 1
        else:
            result.append([1, value])
    return result


def is_true(name):
    text = "".join(map(chr, range(LAST + 1)))
    found = [False] * (LAST + 1)
    for match in regex.finditer(r"\p{%s=Yes}+" % name, text):
        found[match.start():match.end()] = [True] * (match.end() - match.start())
    return found


def script_names():
    """[(short, other names...)], by the property's values."""
    by_value = {}
    for name, value in _regex.get_properties()["SCRIPT"][1].items():
        by_value.setdefault(value, []).append(name)
    scripts = []
    for names in by_value.values():
        short = min((n for n in names if len(n) == 4 and n != "QAAI" and n != "QAAC"), default=names[0])
        scripts.append((short.title(), [key(n) for n in sorted(names)]))
    return sorted(scripts)


def case_pairs():
    """(smallest, other) of all characters that are equal but for their case; Turkish's dotted I is not."""
    pairs = set()
    for c in range(LAST + 1):
        equal = {e for e in _regex.get_all_cases(regex.I | regex.U, c) if e not in (0x130, 0x131)}
        if c not in (0x130, 0x131):
            pairs.update((min(equal), e) for e in equal if e != min(equal))
    return sorted(pairs)


def case_runs():
    """[first, last, stride, distance]: as `case_pairs`, where pairs follow each other."""
    result = []
    for low, high in case_pairs():
        for run in result[-3:]:
            stride = low - run[1]
            if high - low == run[3] and stride in (1, 2) and (run[2] == stride or run[0] == run[1]):
                run[1], run[2] = low, stride
                break
        else:
            result.append([low, low, 1, high - low])
    return result


def long_foldings():
    """"223=115,115": characters that equal several others but for their case. (Python's data: those never change.)"""
    result = []
    for c in range(LAST + 1):
        folded = chr(c).casefold()
        if len(folded) > 1:
            result.append("%d=%s" % (c, ",".join(str(ord(f)) for f in folded)))
    return result


def literal(text):
    lines = textwrap.wrap(text, 112, break_long_words=False, break_on_hyphens=False)
    return "\n".join('    "%s%s"' % (line, " " if line != lines[-1] else "") for line in lines)


def joined(pairs):
    return " ".join("%d%s" % (length, value) for length, value in pairs)


def main():
    categories = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co "
                  "Cn").split()
    assert regex.match(r"\p{Garay}", "\U00010D50") and regex.match(r"\p{Cn}", "\U00011DE0"), "not Unicode 16.0"
    scripts = script_names()
    out = ["// Made by unicode_tables.py from Unicode %s; do not edit." % VERSION,
           '#include "dataset/unicode_tables.hpp"', "", "namespace modr::unicode_tables {", "",
           "const std::string_view general_categories =",
           literal(joined(runs(values_of("gc", categories)))) + ";", "",
           "const std::string_view scripts =",
           literal(joined(runs(values_of("sc", [s for s, _ in scripts])))) + ";", "",
           "const std::string_view script_names =",
           literal(" ".join("%s=%s" % (short, "=".join(names)) for short, names in scripts)) + ";", "",
           "const std::string_view case_runs =",
           literal(" ".join("%d,%d,%d,%d" % tuple(run) for run in case_runs())) + ";", ""]
    out += ["const std::string_view long_foldings =", literal(" ".join(long_foldings())) + ";", ""]
    out.append("const std::vector<BinaryProperty> binary_properties = {")
    for name, short in BINARY:
        property_runs = runs(is_true(name))
        if property_runs[0][1]:
            property_runs.insert(0, [0, False])
        lengths = " ".join(str(length) for length, _ in property_runs[:-1 if not property_runs[-1][1] else None])
        out.append('    {"%s", "%s",\n%s},' % (key(name), key(short), literal(lengths)))
    out += ["};", "", "}  // namespace modr::unicode_tables", ""]
    pathlib.Path(__file__).with_suffix(".cpp").write_text("\n".join(out), encoding="ascii")


main()
