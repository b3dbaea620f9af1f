"""The encoding of a text table is found by its mark, or by its words where these are of another script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kerasline.components.core.errors import ConfigError
from kerasline.components.datasets.tables.csv.encoding import detect_encoding
from kerasline.components.datasets.tables.csv.text import Dialect, lines
from kerasline.components.profiling.drafting import draft_recipe

RUSSIAN = "цвет красный синий зелёный город Москва дорога молоко хорошо плохо"
GREEK = "χρώμα κόκκινο μπλε πράσινο Αθήνα δρόμος γάλα καλός κακός Θεσσαλονίκη"
WORDS = {
    "cp1251": RUSSIAN, "koi8_r": RUSSIAN, "cp1253": GREEK, "cp1255": "צבע אדום ירושלים כחול חלב", 
    "cp874": "สี แดง น้ำเงิน เขียว กรุงเทพ",
    "cp1256": "لون أحمر القاهرة أزرق حليب", "cp932": "色 赤色 カメラ", "euc_jp": "色 赤色 カメラ",
    "gb18030": "颜色 红色 北京", "big5": "顏色 紅色 臺北", "cp949": "색상 빨강 서울",
}  # fmt: skip


def table(name: str, words: Sequence[str]) -> str:
    rows = "".join(f"{n / 7:.3f},{words[n % len(words)]},{'no' if n % 5 < 2 else 'yes'}\n" for n in range(200))
    return f"x,{name},y\n{rows}"


@pytest.mark.parametrize("encoding", WORDS)
def test_words_of_another_script_tell_the_encoding(tmp_path: Path, encoding: str) -> None:
    name, *words = WORDS[encoding].split()
    path = tmp_path / "t.csv"
    path.write_text(table(name, (*words, name)), encoding=encoding)
    assert detect_encoding(path) == encoding
    draft = draft_recipe(path, ["y"], None, "t.csv")
    assert [column[0] for column in draft.columns] == ["x", name]
    assert f"csv.encoding: {encoding} (the file is not UTF-8, and its words look like this)" in "\n".join(draft.summary)


@pytest.mark.parametrize(
    "words",
    [
        ("grün", "Köln", "Straße"), ("été", "forêt", "oui"), ("São", "não", "maçã"), ("Göteborg", "röd", "ja"),
        ("Å", "Ä", "Ö"), ("MÜNCHEN", "ÅÄÖ", "ÉTÉ"), ("Muller", "Müller", "Meier"), ("20°C", "§5", "±3"),
        ("‘a’", "“b”", "c…d"), ("þórður", "æðislegt", "nei"), ("sää", "Hämeenlinna", "ÖLJY"),
        ("10 m³", "5 m²", "½ Größe"), ("Genève", "Mâcon", "Noël"), ("Reykjavík", "Mývatn", "Þingvellir"),
    ],
)  # fmt: skip
def test_latin_letters_are_of_no_other_script(tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table("größe", words), encoding="cp1252")
    assert detect_encoding(path) == "cp1252"


@pytest.mark.parametrize(
    ("encoding", "language", "words"),
    [
        ("cp1250", "Polish", ("Łódź", "żółty", "tak", "Kraków", "Częstochowa", "Müller")),
        ("cp1250", "Czech", ("Plzeň", "Budějovice", "Ústí nad Labem", "Příbram")),
        ("cp1250", "Croatian, Serbian or Slovene", ("Čakovec", "Šibenik", "Županja", "Đakovo", "Varaždin")),
        ("cp1250", "Croatian, Serbian or Slovene", ("Škofja Loka", "Žalec", "Črnomelj", "Radenci")),
        ("cp1250", "Slovak", ("Košice", "Žilina", "Bardejov", "Levoča", "Nové Zámky", "Ľubovňa")),
        ("cp1250", "Hungarian", ("Győr", "Székesfehérvár", "Hódmezővásárhely", "Műhely")),
        ("cp1250", "Romanian", ("Timişoara", "Iaşi", "Constanţa", "Târgu Mureş", "Brăila")),
        ("cp1254", "Turkish", ("İstanbul", "Muğla", "Gümüşhane", "Çanakkale", "Iğdır")),
    ],
)
def test_letters_of_one_language_tell_the_encoding(
    tmp_path: Path, encoding: str, language: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "t.csv"
    text = table("town", [*words[:5]] * 20 + [*words[5:]])
    path.write_text(text, encoding=encoding)
    assert path.read_bytes().decode(detect_encoding(path)) == text
    draft = draft_recipe(path, ["y"], None, "t.csv")
    assert f"csv.encoding: {encoding} (the file is not UTF-8, and its letters are those of {language})" in "\n".join(
        draft.summary
    )
    with pytest.raises(ConfigError, match=f"set csv.encoding, for instance to {encoding}, as {language} is written"):
        list(lines(path, Dialect(",")))


@pytest.mark.parametrize(
    "words",
    [
        ("García", "Pérez", "Martínez", "Jesús", "Hélène", "Genève", "Michèle"),
        ("Málaga", "Córdoba", "Perú", "Genève", "Lefèvre", "Forlì", "Cantù"),
        ("Cornellà", "València", "però", "això", "és", "països", "raïm"),
        ("Köln", "Düsseldorf", "Málaga", "Córdoba", "Perú"),
        ("São Paulo", "Conceição", "Olhão", "Zürich", "Köln", "maçã"),
        ("Tallinn", "Jõhvi", "Käsmu", "Türi", "Šveits"),
        ("Reykjavík", "Þingvellir", "Ísafjörður", "Egilsstaðir"),
    ],
)
@pytest.mark.parametrize("header", ["town", "área (m²)"])
def test_words_of_two_western_languages_are_western(tmp_path: Path, words: tuple[str, ...], header: str) -> None:
    path = tmp_path / "t.csv"
    text = table(header, [*words] * 20)
    path.write_text(text, encoding="cp1252")
    assert detect_encoding(path) == "cp1252"


def test_a_sign_that_no_text_has_speaks_against_a_language(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(
        table("d (m\N{SUPERSCRIPT TWO})", ["x"]).encode("cp1252") + "Łódź żółty Kraków śnieg,1\n".encode("cp1250")
    )
    assert detect_encoding(path) == "cp1252"


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("temp (°C)", "{}"), ("size µm", "{}"), ("Price £", "{}"), ("Wert €", "{}"), ("v", "{} µg"), ("v", "{} °C"),
        ("v", "£{}"), ("v", "{} ¢"), ("v", "{} €"), ("temp (°C)", "{} µg"),
    ],
)  # fmt: skip
def test_signs_of_units_and_currencies_are_no_words(tmp_path: Path, name: str, cell: str, delimiter: str) -> None:
    rows = [["i", name, "y"], *([str(i), cell.format(i * 3 % 40), str(i % 2)] for i in range(300))]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(map(delimiter.join, rows)) + "\n", encoding="cp1252")
    assert detect_encoding(path) == "cp1252"


def test_words_of_one_letter_are_words_beside_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table("性別", ("男", "女")), encoding="cp932")
    assert detect_encoding(path) == "cp932"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table("größe", ("a", "é")), encoding=encoding)
    assert detect_encoding(path) == encoding
    with pytest.raises(ConfigError, match=rf"t.csv is {encoding.upper()}, not utf-8; set csv.encoding: {encoding}\."):
        next(lines(path, Dialect(",")))
