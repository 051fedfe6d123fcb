"""Which language a text looks like, so that a story in another language than was asked for is refused before it is
spoken.

By script first: nobody reads Cyrillic as English. Languages in Latin letters are told apart by their commonest words,
which make up a third of any prose and which no other language has together. That was chosen over a statistical
detector (lingua is 100 MB and more, py3langid wants a numpy that the engine's libraries may not) because it needs
evidence: verses of "la la la", 10,000 times "ha", names and lists have no common words and so look like nothing,
where a detector names some language with great confidence.

It is conservative: a wrong refusal loses a story, a missed one is heard at the first sentence. Short texts never look
like anything, nor do languages that a reader could confuse (Danish and Norwegian, Spanish and Portuguese when in
doubt).
"""

from __future__ import annotations

import re
from collections import Counter

_SAMPLE = 20_000  # characters; more says nothing new
_LEAST_LETTERS = 24  # of one script: below, it may be a name
_LEAST_WORDS = 25
_SCRIPT_SHARE = 0.7
_COMMON_SHARE = 0.2  # of a text's words, in the language it is in: 0.3 to 0.5
_LEAST_KINDS = 5  # different common words

_SCRIPTS = {
    "ru": re.compile("[\u0400-\u052f]"),
    "ar": re.compile("[\u0600-\u06ff\u0750-\u077f]"),
    "he": re.compile("[\u05d0-\u05ea]"),
    "el": re.compile("[\u0370-\u03ff\u1f00-\u1fff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "ko": re.compile("[\uac00-\ud7af\u1100-\u11ff]"),
    "ja": re.compile("[\u3041-\u30ff]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
}
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_KANA = 0.05  # of a Japanese text; a Chinese one has none
_WIDE_LETTERS = 4  # a Han character or a syllable of Hangul says as much as so many letters

_COMMON = {
    "da": "og i at det en den til er som på de med han af for ikke der var mig sig men et har om vi min havde"
    " ham hun nu over da fra du ud sin dem os op man hans hvor eller hvad skal selv her alle vil blev"
    " kunne ind når være dog noget ville jeg efter",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an er so"
    " dass war sie nach wird bei einer um am sind noch wie einem über einen ich aber wenn nur hatte oder"
    " da ihr ihm ihn mein dann sagte wir du",
    "en": "the and to of a in is it you that he was for on are with as his they be at this have from or had by"
    " not but what all were we when your can said there an each which she do how their if will up about"
    " out them then her would him has",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ya o este"
    " sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante"
    " había era dijo fue yo él ella",
    "fi": "ja on ei se oli hän että en mutta niin kun nyt kuin ole sen joka vain jo myös mitä minä siitä sitä"
    " tai hänen jos vielä sitten mikä kaikki oli ovat olla oma mukaan hyvin sinä te ne siellä hänet heidän"
    " koska sanoi kuka voi pieni kerran",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec"
    " son elle mais comme ou si leur y dit elles même nous vous je on tout était avait ses cette aux sa"
    " lui bien fut été quand très",
    "it": "di e il la che in un a per è una sono non con si da come le dei nel alla più anche del gli ma i"
    " della lo al ha questo suo era mi se aveva quando tutto disse io lui lei molto ancora poi perché ci"
    " cui o dal delle sua così",
    "ms": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke kepada adalah mereka telah"
    " ada dia oleh sudah atau kami kita seperti anda bisa boleh lagi orang satu hari tetapi apabila sebuah"
    " seorang sangat kata bila pun",
    "nl": "de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem dan"
    " zou of wat mijn men dit zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft"
    " hebben deze u want nog zei",
    "no": "og i det som en på er til for av at med ikke han de den har var jeg om et men seg hun fra vi du ham"
    " så da ble kan mot sin ved skal noe vil hadde opp når være bare eller etter over selv dem hva alle ut"
    " ville kunne",
    "pl": "i w nie na się z do to że jest o co jak a po ale za od tak mnie już tym był przez tylko ja jego ma"
    " było być dla mu była czy te jej on ich ona jeszcze sobie tego gdy go też kiedy może nad miał ze"
    " bardzo powiedział",
    "pt": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua"
    " ou quando muito nos já eu também só pelo pela até isso ela entre depois sem mesmo aos seus quem nas"
    " me esse eles você era disse foi",
    "sv": "och i att det som en på är av för med till den han inte om var sig ett men jag de så från vi hon kan"
    " har då ut du när upp in min nu hade vad över efter också hans mig något ska alla där eller mycket än"
    " dem sin sade",
    "sw": "na ya wa kwa ni katika la za kuwa cha hiyo kama hii huyo au lakini yake wake alikuwa sana yeye huo"
    " watu hivyo wakati siku moja mtoto kwamba hilo pia hata baada tu ili bila wao yao wengi akasema sasa"
    " hapo kila hakuna kisha basi",
    "tr": "ve bir bu da de için ile çok o ne ama gibi daha en kadar var mi sonra ben olarak her diye sen onun"
    " olan mı ki ya şey zaman dedi içinde hiç değil biz iyi kendi bana ona böyle bütün yok nasıl çocuk"
    " büyük küçük gün oldu",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
# Never taken for one another, even where the words seem clear.
_CLOSE = ({"da", "no", "sv"}, {"es", "pt", "it"}, {"de", "nl"})
_CLOSE_LEAD = 1.8  # a close language must have that many times as many common words; others 1.6 times
_LEAD = 1.6
_NEVER = ({"da", "no"},)


def looks_like(text: str, expected: str) -> str | None:
    """The language that `text` clearly looks like if it is not `expected`; None where it is, or where nothing is
    clear.

    Languages are those of jobs.documents.LANGUAGES. Another language in the script of one of them (Ukrainian, Persian)
    passes for it.
    """
    sample = text[:_SAMPLE]
    letters = len(_LETTER.findall(sample))
    if letters == 0:
        return None
    script = _script(sample, letters)
    if script is not None:
        return None if _is_own_script(script, expected) else script
    words = [word.casefold() for word in _WORD.findall(sample)]
    return _by_words(words, expected)


def _script(sample: str, letters: int) -> str | None:
    """The language whose script nearly all letters are of."""
    counts = {language: len(pattern.findall(sample)) for language, pattern in _SCRIPTS.items()}
    counts["zh"] += counts["ja"]
    is_japanese = counts["ja"] >= _LEAST_KANA * counts["zh"] and counts["ja"] > 0
    language = max(counts, key=lambda code: counts[code])
    weight = _WIDE_LETTERS if language in {"zh", "ja", "ko"} else 1
    if counts[language] * weight < _LEAST_LETTERS or counts[language] < _SCRIPT_SHARE * letters:
        return None
    return "ja" if language == "zh" and is_japanese else language


def _is_own_script(script: str, expected: str) -> bool:
    """Japanese may be all Kanji in a short text, a Chinese text may quote Japanese: the two are never held apart."""
    return script == expected or {script, expected} <= {"zh", "ja"}


def _by_words(words: list[str], expected: str) -> str | None:
    if len(words) < _LEAST_WORDS:
        return None
    counted = Counter(words)
    totals = {language: sum(counted[word] for word in common if word in counted) for language, common in _WORDS.items()}
    likely = max(totals, key=lambda language: (totals[language], language))
    if likely == expected or any({likely, expected} <= pair for pair in _NEVER):
        return None
    kinds = sum(word in counted for word in _WORDS[likely])
    if totals[likely] < _COMMON_SHARE * len(words) or kinds < _LEAST_KINDS:
        return None
    is_close = any({likely, expected} <= family for family in _CLOSE)
    lead = _CLOSE_LEAD if is_close else _LEAD
    return likely if totals[likely] >= lead * totals.get(expected, 0) else None
