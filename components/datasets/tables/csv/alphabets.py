"""Tells languages of Central Europe and Turkish, whose bytes are those of Western letters, by their alphabets."""

from __future__ import annotations

import re
from collections import Counter

# Letters beyond ASCII of the languages that cp1252 is for. German, French, Spanish, Portuguese, Italian, Dutch, ...
_WESTERN = ("äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúüçªº", "áâãàçéêíóôõúü", "àèéìíîòóùú", "áäéëïíóöüèê")
# ... Danish and Norwegian, Swedish and Finnish, Estonian, Icelandic.
_NORTHERN = ("æøåéèêóòôäöü", "åäöéüàšž", "äöõüšž", "áéíóúýðþæö")
_OTHERS = {
    "cp1250": {
        "Polish": "ąćęłńóśźż", "Czech": "áčďéěíňóřšťúůýž", "Slovak": "áäčďéíĺľňóôŕšťúýž",
        "Hungarian": "áéíóöőúüű", "Croatian, Serbian or Slovene": "čćđšž", "Romanian": "ăâîşţ",
    },
    "cp1254": {"Turkish": "çğıöşüâîû"},
}  # fmt: skip
_FEWEST_DIFFERENT = 3
_FITS, _FITS_BETTER = 0.97, 0.02  # share of the letters beyond ASCII that an alphabet has, and how many more
_WORDS = re.compile(r"[^\W\d_]{3,}")  # shorter ones may be units


def tell_language(text: bytes) -> tuple[str, str] | None:
    """Tells text whose letters are those of one language of Central Europe, or of Turkish, and of no Western one.

    Args:
      text: Some of a file.

    Returns:
      The encoding and the language; None where Western letters fit as well, or nothing does.
    """
    for encoding, languages in _OTHERS.items():
        words = "".join(_WORDS.findall(text.decode(encoding, "replace")))
        letters = _beyond_ascii(words)
        if len(letters) < _FEWEST_DIFFERENT:
            continue
        western = _beyond_ascii(words.encode(encoding).decode("cp1252", "replace"))
        rival = max(_share(western, alphabet) for alphabet in (*_WESTERN, *_NORTHERN))
        shares = {name: _share(letters, alphabet) for name, alphabet in languages.items()}
        best = max(shares, key=shares.__getitem__)
        if shares[best] >= max(_FITS, rival + _FITS_BETTER):
            return encoding, best
    return None


def _beyond_ascii(text: str) -> Counter[str]:
    return Counter(each for each in text.lower() if not each.isascii() and each != "\N{COMBINING DOT ABOVE}")


def _share(letters: Counter[str], alphabet: str) -> float:
    """Returns which part of letters an alphabet has."""
    return sum(count for letter, count in letters.items() if letter in alphabet) / letters.total()
