"""Words that carry a full stop without ending a sentence, by language. Lower case, without their last stop.

Only those whose stop a capital (or a letter of a script without capitals) may follow: before a small letter no sentence
ends anyway. Every language also has those of everywhere.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EVERYWHERE = "dr prof st mr mrs ms no nr vol vs"

# Always followed by what they belong to.
_LEADING = {
    "ar": "أ د م ص",
    "da": "hr fr frk d ca bl.a f.eks kl kr mag skt adv",
    "de": "hr fr frl z d u s bd bzw ca evtl ggf inkl vgl sog dipl ing hl nr abs str tel d.h u.a z.b v.a",
    "el": "κ κα κος κκ δρ καθ δηλ αρ σελ αγ π.χ λ.χ",
    "en": "mx messrs rev fr gen col capt cpt maj lt sgt cmdr adm mt ft hon gov sen rep pres supt det insp br nos fig",
    "es": "sr sra srta srs sres d dª dña ud uds vd lic gral ing pág págs núm nº av avda c sto sta p.ej",
    "fi": "hra rva nti tri esim mm ns n s klo ym ks vrt",
    "fr": "m mm mme mlle mgr me ste cf env av bd p pp no p.ex c.-à-d",
    "he": "גב ד״ר פרופ עמ",
    "hi": "डॉ प्रो सं पं कु",
    "it": "sig sigg sig.ra sig.na dott dott.ssa avv ing on egr gent pag p n s a.c d.c",
    "ms": "en tn pn cik sdr sdri hj hjh dato datuk",
    "nl": "dhr mevr mej mw drs ir ing bijv nr blz ca jl o.a d.w.z m.a.w bv",
    "no": "hr fr frk ca bl.a f.eks kl kr adv",
    "pl": "p np ul al pl św ks gen płk mgr inż hab tzw tj por str nr ok im",
    "pt": "sr sra srta srs dra profa d dom exmo exma pág av r eng núm n.º p.ex",
    "ru": "г т тов гр им ул пл пр просп стр рис см св акад проф др кв д т.е т.н",
    "sv": "hr fr frk ca kl kr bl.a t.ex dvs s.k f.d",
    "sw": "bw bi dkt mhe mh ndg",
    "tr": "doç yrd av sn mah cad sok bkz örn alb gen",
}

# Those that close a list or a time as often as not: they do end the sentence where a capital follows.
_CLOSING = {
    "da": "osv m.m mfl m.fl",
    "de": "usw etc u.s.w",
    "el": "κ.λπ κλπ π.μ μ.μ",
    "en": "etc a.m p.m b.c a.d",
    "es": "etc a.m p.m",
    "fi": "jne yms",
    "fr": "etc",
    "it": "ecc etc",
    "nl": "enz etc",
    "no": "osv m.m m.fl",
    "pl": "itd itp r",
    "pt": "etc",
    "ru": "т.д т.п др гг руб коп",
    "sv": "osv m.m etc",
    "tr": "vb",
}

# English names end in these; the sentence ends with them only before a word that seldom is a name.
NAMES_END = _words("jr sr inc ltd co corp u.s u.k u.s.a")
OPENINGS = _words(
    "a after all and as at but by finally for he here his how i if in it its later my no nobody now on once one our "
    "she so soon that the their then there they this to we what when where who why with yes yet you your"
)

BEFORE_NUMBERS = _words("no nos vol fig ch p pp art sec nr n núm num nº № αρ")  # "No. 7", but: "No. He ran."

# Before a number with a stop, in German: "am 3. Mai", "der 1. Riese"; but "Er war 7. Dann …".
BEFORE_ORDINALS = _words(
    "ab als am bei beim bis das dem den der des die dieser diesem diesen ein eine einem einen einer im ins ihr ihrem "
    "jede jedem jeden jeder mein meinem meinen sein seinem seinen seit unser vom vor zum zur zweite"
)


LEADING = {language: _words(f"{words} {_EVERYWHERE}") for language, words in _LEADING.items()}
CLOSING = {language: _words(words) for language, words in _CLOSING.items()}
EVERYWHERE = _words(_EVERYWHERE)
