"""Tells languages of Central Europe and Turkish, whose bytes are those of Western letters, by their alphabets."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations

# Letters beyond ASCII of the languages that cp1252 is for. A file may have words of two of these: German, French,
# Spanish, Italian, Catalan, Dutch, Portuguese ...
_WESTERN = ("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçªº", "àèéìíîòóùú", "àèéíïòóúüç", "áäéëïíóöüèê", "áâãàçéêíóôõúü")
_PORTUGUESE, _IN_PORTUGUESE = _WESTERN[-1], "ãç"  # without these letters a text is hardly Portuguese
# ... Danish and Norwegian, Swedish and Finnish, Estonian, Icelandic.
_NORTHERN = ("æøåéèêóòôäöü", "åäöéüàšž", "äöõüšž", "áéíóúýðþæö")
_OTHERS = {
    "cp1250": {
        "Polish": "ąćęłńóśźż", "Czech": "áčďéěíňóřšťúůýž", "Slovak": "áäčďéíĺľňóôŕšťúýž",
        "Hungarian": "áéíóöőúüű", "Croatian, Serbian or Slovene": "čćđšž", "Romanian": "ăâîşţ",
    },
    "cp1254": {"Turkish": "çğıöşüâîû"},
}  # fmt: skip
_FEWEST_DIFFERENT = 3  # letters that are others in cp1252
_FITS, _FITS_BETTER = 0.97, 0.02  # share of the letters beyond ASCII that an alphabet has, and how many more
_WORDS = re.compile(r"[^\W\d_]{3,}")  # shorter ones may be units
_NO_TEXT = re.compile("[ˇ˘˛˝˙]")  # what ¡, ¢, ², ½ and ÿ are read as: signs that no text has


def tell_language(text: bytes) -> tuple[str, str] | None:
    """Tells text whose letters are those of one language of Central Europe, or of Turkish, and of no Western one.

    Args:
      text: Some of a file.

    Returns:
      The encoding and the language; None where Western letters fit as well, or nothing does.
    """
    for encoding, languages in _OTHERS.items():
        read = text.decode(encoding, "replace")
        words = "".join(_WORDS.findall(read))
        in_western = words.encode(encoding).decode("cp1252", "replace")
        different = sum(one != other for one, other in zip(words, in_western, strict=True))
        if different < _FEWEST_DIFFERENT or _NO_TEXT.search(read):
            continue
        letters, rival = _beyond_ascii(words), _fit_of_western(_beyond_ascii(in_western))
        shares = {name: _share(letters, alphabet) for name, alphabet in languages.items()}
        # Of languages that have all letters, that which has the fewest others.
        best = max(shares, key=lambda name: (shares[name], -len(languages[name])))
        if shares[best] >= max(_FITS, rival + _FITS_BETTER):
            return encoding, best
    return None


def _fit_of_western(letters: Counter[str]) -> float:
    """Returns which part of letters two Western languages have, or a Northern one."""
    may_be = [each for each in _WESTERN if each is not _PORTUGUESE or any(letters[one] for one in _IN_PORTUGUESE)]
    pairs = ("".join(pair) for pair in combinations(may_be, 2))
    return max(_share(letters, alphabet) for alphabet in (*pairs, *_NORTHERN))


def _beyond_ascii(text: str) -> Counter[str]:
    return Counter(each for each in text.lower() if not each.isascii() and each != "\N{COMBINING DOT ABOVE}")


def _share(letters: Counter[str], alphabet: str) -> float:
    """Returns which part of letters an alphabet has."""
    return sum(count for letter, count in letters.items() if letter in alphabet) / letters.total()
