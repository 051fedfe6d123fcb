"""Greek, Turkish, Arabic, Hebrew, Hindi, Malay and Swahili: numbers, signs, money, measures, dates, common abbreviations."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs


def _clock(language: str, between: str, time: Clock) -> str:
    hour = numbers.cardinal(language, time.hour)
    return f"{hour} {between} {numbers.cardinal(language, time.minute)}".replace("  ", " ") if time.minute else hour


GREEK = Locale(
    language="el",
    point="κόμμα",
    minus="μείον",
    to="έως",
    percent="τοις εκατό",
    degrees="βαθμοί",
    signs=signs(
        "& και; + συν; = ίσον; × επί; * επί; ÷ διά; < μικρότερο από; > μεγαλύτερο από; ± συν πλην; ~ περίπου; - μείον; − μείον; / ή;"
        "§ παράγραφος; # δίεση; @ παπάκι; % τοις εκατό; ° βαθμοί; dot τελεία; slash κάθετος; hyphen παύλα; _ κάτω παύλα; . τελεία; over διά"
    ),
    months="Ιανουαρίου Φεβρουαρίου Μαρτίου Απριλίου Μαΐου Ιουνίου Ιουλίου Αυγούστου Σεπτεμβρίου Οκτωβρίου Νοεμβρίου Δεκεμβρίου",
    of=" ?",
    clock=lambda time: _clock("el", "και", time),
    units=nouns(
        "km χλμ. χλμ = χιλιόμετρο|χιλιόμετρα;n\nm μ. = μέτρο|μέτρα;n\ncm = εκατοστό|εκατοστά;n\nkg = κιλό|κιλά;n\n"
        "g γρ. = γραμμάριο|γραμμάρια;n\n°C = βαθμός Κελσίου|βαθμοί Κελσίου;m"
    ),
    per={"/h": "την ώρα"},
    currency=currencies("€ EUR ευρώ = ευρώ|ευρώ;n + λεπτό|λεπτά;n\n$ USD = δολάριο|δολάρια;n + σεντ|σεντ;n"),
    money_and="και",
    say_cents=True,
    scales=nouns("εκατ. = εκατομμύριο|εκατομμύρια;n\nδισ. = δισεκατομμύριο|δισεκατομμύρια;n"),
    abbreviations=pairs(
        "κ.λπ. = και λοιπά\nκ.λ.π. = και λοιπά\nπ.χ. = παραδείγματος χάριν\nδηλ. = δηλαδή\nκ. = κύριος\nκα. = κυρία\n"
        "δρ. = δόκτωρ\nαρ. = αριθμός\nσελ. = σελίδα\nκ.ά. = και άλλα"
    ),
    chapters="κεφάλαιο μέρος πράξη",
    fractions={2: ("ένα δεύτερο", "δεύτερα"), 3: ("ένα τρίτο", "τρίτα"), 4: ("ένα τέταρτο", "τέταρτα")},
    fraction_and="και",
)
TURKISH = Locale(
    language="tr",
    point="virgül",
    minus="eksi",
    to="ile",
    percent="yüzde",
    percent_first=True,
    degrees="derece",
    signs=signs(
        "& ve; + artı; = eşittir; × çarpı; * çarpı; ÷ bölü; < küçüktür; > büyüktür; ± artı eksi; ~ yaklaşık; - eksi; − eksi; / veya;"
        "§ paragraf; # diyez; @ et; % yüzde; ° derece; dot nokta; slash eğik çizgi; hyphen tire; _ alt çizgi; . nokta; over bölü"
    ),
    months="Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
    ordinal_mark=r"\.(?= [a-zçğıöşü])|'(?:inci|ıncı|üncü|uncu|nci|ncı)(?![^\W_])",
    of=" ?",
    clock=lambda time: _clock("tr", "", time),
    units=nouns(
        "km = kilometre|kilometre\nm = metre|metre\ncm = santimetre|santimetre\nkg = kilogram|kilogram\ng = gram|gram\n"
        "l L = litre|litre\n°C = derece|derece\ndk = dakika|dakika"
    ),
    per={"/sa": "saatte"},
    currency=currencies(
        "₺ TL TRY = lira|lira + kuruş|kuruş\n€ EUR = avro|avro + sent|sent\n$ USD = dolar|dolar + sent|sent"
    ),
    say_cents=True,
    scales=nouns("bin = bin|bin\nmilyon = milyon|milyon\nmilyar = milyar|milyar"),
    abbreviations=pairs(
        "vb. = ve benzeri\nvs. = vesaire\nörn. = örneğin\ndr. = doktor\nprof. = profesör\nbkz. = bakınız\nsn. = sayın\nyy. = yüzyıl"
    ),
    before_number=pairs("no. = numara\nno: = numara\ns. = sayfa"),
    chapters="bölüm kısım perde",
    sign_rules=(
        (
            r"%(?P<number>\d{1,9})(?![\d.,]\d)",
            lambda locale, match: f"yüzde {numbers.cardinal('tr', int(match['number']))}",
        ),
    ),
)
ARABIC = Locale(
    language="ar",
    decimal=".",
    groups=",",
    point="فاصلة",
    minus="ناقص",
    to="إلى",
    percent="بالمئة",
    degrees="درجة",
    signs=signs(
        "& و; + زائد; = يساوي; × ضرب; * ضرب; ÷ على; < أصغر من; > أكبر من; - ناقص; − ناقص; / أو; @ آت; % بالمئة; ° درجة; dot نقطة; slash شرطة; . نقطة; over على"
    ),
    months="يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    of=" ?",
    clock=lambda time: _clock("ar", "و", time),
    units=nouns(
        "كم km = كيلومتر|كيلومتر\nم m = متر|متر\nسم cm = سنتيمتر|سنتيمتر\nكجم kg = كيلوغرام|كيلوغرام\n°C = درجة مئوية|درجة مئوية"
    ),
    currency=currencies("$ USD = دولار|دولار + سنت|سنت\n€ EUR = يورو|يورو + سنت|سنت\n£ = جنيه|جنيه"),
    money_and="و",
    say_cents=True,
    abbreviations=pairs("د. = دكتور\nإلخ. = إلى آخره\nص. = صفحة"),
)
HEBREW = Locale(
    language="he",
    decimal=".",
    groups=",",
    point="נקודה",
    minus="מינוס",
    to="עד",
    percent="אחוז",
    degrees="מעלות",
    signs=signs(
        "& ו; + ועוד; = שווה; × כפול; * כפול; ÷ חלקי; < קטן מ; > גדול מ; - פחות; − פחות; / או; @ שטרודל; % אחוז; ° מעלות; dot נקודה; slash לוכסן; . נקודה; over חלקי"
    ),
    months="בינואר בפברואר במרץ באפריל במאי ביוני ביולי באוגוסט בספטמבר באוקטובר בנובמבר בדצמבר",
    of=" ?",
    clock=lambda time: _clock("he", "ו", time),
    units=nouns(
        'ק"מ km = קילומטר|קילומטר;m\nמ\' m = מטר|מטרים;m\nס"מ cm = סנטימטר|סנטימטר;m\nק"ג kg = קילוגרם|קילוגרם;m\n°C = מעלה|מעלות;f'
    ),
    currency=currencies(
        "₪ ILS = שקל|שקלים;m + אגורה|אגורות;f\n$ USD = דולר|דולר;m + סנט|סנט;m\n€ EUR = אירו|אירו;m + סנט|סנט;m"
    ),
    money_and="ו",
    say_cents=True,
)
HINDI = Locale(
    language="hi",
    decimal=".",
    groups=",",
    point="दशमलव",
    minus="ऋण",
    to="से",
    percent="प्रतिशत",
    degrees="डिग्री",
    signs=signs(
        "& और; + जमा; = बराबर; × गुणा; * गुणा; ÷ भाग; < से कम; > से अधिक; - घटा; − घटा; / या; @ ऐट; % प्रतिशत; ° डिग्री; dot डॉट; slash स्लैश; . दशमलव; over बटा"
    ),
    months="जनवरी फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर अक्टूबर नवंबर दिसंबर",
    of=" ?",
    clock=lambda time: (
        f"{numbers.cardinal('hi', time.hour)} बजकर {numbers.cardinal('hi', time.minute)} मिनट"
        if time.minute
        else f"{numbers.cardinal('hi', time.hour)} बजे"
    ),
    units=nouns(
        "किमी कि.मी. km = किलोमीटर|किलोमीटर\nमी m = मीटर|मीटर\nसेमी cm = सेंटीमीटर|सेंटीमीटर\nकिग्रा kg = किलोग्राम|किलोग्राम\n°C = डिग्री सेल्सियस|डिग्री सेल्सियस"
    ),
    currency=currencies("₹ रु. INR = रुपया|रुपये + पैसा|पैसे\n$ USD = डॉलर|डॉलर + सेंट|सेंट\n€ EUR = यूरो|यूरो + सेंट|सेंट"),
    say_cents=True,
    abbreviations=pairs("डॉ. = डॉक्टर\nश्री. = श्री\nप्रो. = प्रोफ़ेसर"),
    fractions={2: ("आधा", "बटा दो"), 4: ("एक चौथाई", "चौथाई")},
)
MALAY = Locale(
    language="ms",
    decimal=".",
    groups=",",
    point="perpuluhan",
    minus="negatif",
    to="hingga",
    percent="peratus",
    degrees="darjah",
    signs=signs(
        "& dan; + tambah; = sama dengan; × darab; * darab; ÷ bahagi; < kurang daripada; > lebih daripada; ~ kira-kira; - tolak;"
        "− tolak; / atau; # tanda pagar; @ di; % peratus; ° darjah; dot titik; slash garis miring; hyphen sempang; . titik; over per"
    ),
    months="Januari Februari Mac April Mei Jun Julai Ogos September Oktober November Disember",
    of=" ?",
    clock=lambda time: _clock("ms", "", time),
    units=nouns(
        "km = kilometer|kilometer\nm = meter|meter\ncm = sentimeter|sentimeter\nkg = kilogram|kilogram\ng = gram|gram\nl = liter|liter\n°C = darjah Celsius|darjah Celsius"
    ),
    per={"/j": "sejam"},
    currency=currencies(
        "RM MYR = ringgit|ringgit + sen|sen\n$ USD = dolar|dolar + sen|sen\n€ EUR = euro|euro + sen|sen\nRp = rupiah|rupiah"
    ),
    say_cents=True,
    scales=nouns("juta = juta|juta\nribu = ribu|ribu"),
    abbreviations=pairs(
        "dll. = dan lain-lain\ndsb. = dan sebagainya\ncth. = contohnya\nspt. = seperti\nen. = Encik\ndr. = Doktor\npn. = Puan"
    ),
    before_number=pairs("no. = nombor\nms. = muka surat"),
    chapters="bab bahagian",
    fractions={2: ("setengah", "perdua"), 4: ("suku", "suku"), 3: ("sepertiga", "pertiga")},
    sign_rules=(),
)
SWAHILI = Locale(
    language="sw",
    decimal=".",
    groups=",",
    point="nukta",
    minus="hasi",
    to="hadi",
    percent="asilimia",
    percent_first=True,
    degrees="digrii",
    signs=signs(
        "& na; + jumlisha; = ni sawa na; × mara; * mara; ÷ gawanya kwa; < chini ya; > zaidi ya; ~ takriban; - toa; − toa; / au;"
        "# alama ya reli; @ kwenye; % asilimia; ° digrii; dot nukta; slash mkwaju; hyphen kistari; . nukta; over kwa"
    ),
    months="Januari Februari Machi Aprili Mei Juni Julai Agosti Septemba Oktoba Novemba Desemba",
    of=" ?",
    clock=lambda time: _clock("sw", "na dakika", time),
    units=nouns(
        "km = kilomita|kilomita\nm = mita|mita\ncm = sentimita|sentimita\nkg = kilo|kilo\ng = gramu|gramu\nl = lita|lita\n°C = digrii Selsiasi|digrii Selsiasi"
    ),
    currency=currencies(
        "TSh KSh Sh = shilingi|shilingi + senti|senti\n$ USD = dola|dola + senti|senti\n€ EUR = yuro|yuro + senti|senti"
    ),
    abbreviations=pairs(
        "n.k. = na kadhalika\nk.m. = kwa mfano\nk.v. = kama vile\nbw. = Bwana\nbi. = Bibi\ndkt. = Daktari"
    ),
    chapters="sura sehemu",
    fractions={2: ("nusu", "nusu"), 4: ("robo", "robo")},
    fraction_and="na",
)
SOUTHERN = (GREEK, TURKISH, ARABIC, HEBREW, HINDI, MALAY, SWAHILI)
