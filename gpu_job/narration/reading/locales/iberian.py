"""Spanish and Portuguese (as in Brazil). Numbers agree with their noun: una hora, veintiún niños, duas meninas."""

# ruff: noqa: E501  a line of a table is a line
from __future__ import annotations

from gpu_job.narration.reading import numbers
from gpu_job.narration.reading.locale import Clock, Locale, currencies, nouns, pairs, signs, words

_TENTH = 10


def _spanish_clock(time: Clock) -> str:
    hour = numbers.cardinal("es", time.hour, "f")
    if time.minute == 0:
        return f"{hour} {'hora' if time.hour == 1 else 'horas'}" if time.named else f"{hour} en punto"
    minute = numbers.cardinal("es", time.minute)
    return f"{hour} {'cero ' if time.minute < 10 else ''}{minute}"


def _spanish_regnal(number: int) -> str:
    return numbers.ordinal("es", number, "m") if number <= _TENTH else numbers.cardinal("es", number)


def _portuguese_clock(time: Clock) -> str:
    hour = numbers.cardinal("pt", time.hour, "f")
    hours = " hora" if time.hour == 1 else " horas"
    if time.minute == 0:
        return f"{hour}{hours}"
    return f"{hour}{hours if time.named else ''} e {numbers.cardinal('pt', time.minute)}"


def _portuguese_day(day: int, context: str) -> str:
    return "primeiro" if day == 1 else numbers.cardinal("pt", day)


def _portuguese_regnal(number: int) -> str:
    return numbers.ordinal("pt", number, "m") if number <= _TENTH else numbers.cardinal("pt", number)


def _gender(noun: str) -> str:
    """Of a noun by its end; nouns of Greek origin in -ma are masculine."""
    word = noun.casefold()
    if word in _NOT_NOUNS:
        return ""
    word = word.removesuffix("s")
    feminine = word.endswith(
        (
            "a",
            "ción",
            "sión",
            "dad",
            "tud",
            "cione",
            "dade",
            "ção",
            "çõe",
            "gem",
            "gen",
            "noche",
            "noite",
            "vez",
            "vece",
            "veze",
        )
    )
    return "f" if feminine and not word.endswith(("ma", "día", "dia", "mapa")) else "m"


_NOT_NOUNS = frozenset(
    words("de del y e o ou a en em que con com por para al ao se era es é foi fue fueron más mais no não la las")
)


SPANISH = Locale(
    language="es",
    point="coma",
    fraction_as_number=True,
    minus="menos",
    to="a",
    percent="por ciento",
    degrees="grados",
    signs=signs(
        "& y; + más; = igual a; × por; * por; ÷ entre; < menor que; > mayor que; ± más menos; ~ unos; - menos; − menos; / o;"
        "§ sección; # almohadilla; @ arroba; % por ciento; ° grados; dot punto; slash barra; hyphen guion; _ guion bajo;"
        ". punto; over partido por"
    ),
    months="enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    month_abbreviations="ene feb - abr - jun jul ago sept oct nov dic",
    ordinal_mark=r"(?:\.?(?:(?P<m>[º°])|(?P<f>ª))|(?P<r>er)(?![^\W_])|(?:(?P<o>[oº])|a)(?![^\W_]))",
    of="(?: de(?:l)?)?",
    say_of="de",
    clock=_spanish_clock,
    hour_words=" ?(?:h|hrs|horas?)",
    units=nouns(
        """
        km = kilómetro|kilómetros;m
        m = metro|metros;m
        cm = centímetro|centímetros;m
        mm = milímetro|milímetros;m
        kg = kilogramo|kilogramos;m
        g = gramo|gramos;m
        l L = litro|litros;m
        ml = mililitro|mililitros;m
        °C = grado Celsius|grados Celsius;m
        m² = metro cuadrado|metros cuadrados;m
        hora horas = hora|horas;f
        min = minuto|minutos;m
        s = segundo|segundos;m
        """
    ),
    per={"/h": "por hora", "/s": "por segundo"},
    currency=currencies(
        """
        € EUR euro euros = euro|euros;m + céntimo|céntimos;m
        $ USD US$ = dólar|dólares;m + centavo|centavos;m
        £ GBP = libra|libras;f + penique|peniques;m
        ¥ = yen|yenes;m
        """
    ),
    money_and="con",
    scales=nouns("mil = mil|mil\nmillón millones = millón|millones;m"),
    scale_of="de",
    abbreviations=pairs(
        """
        sr. = señor
        sra. = señora
        srta. = señorita
        sres. = señores
        dr. = doctor
        dra. = doctora
        prof. = profesor
        d. = ~don
        dña. = doña
        ud. = usted
        uds. = ustedes
        vd. = usted
        etc. = etcétera
        p. ej. = por ejemplo
        p.ej. = por ejemplo
        ee. uu. = Estados Unidos
        ee.uu. = Estados Unidos
        a. c. = antes de Cristo
        d. c. = después de Cristo
        aprox. = aproximadamente
        avda. = avenida
        sto. = santo
        sta. = santa
        """
    ),
    before_number=pairs(
        "n.º = número\nn.° = número\nnº = número\nn° = número\nnúm. = número\npág. = página\np. = página\npágs. = páginas\nvol. = volumen\ncap. = capítulo\nart. = artículo"
    ),
    spelled=frozenset(words("ONG TV CD DVD UE PC DNI IVA ADN FBI CIA PSOE PP RTVE")) - {"IVA", "PSOE"},
    chapters="capítulo parte acto escena libro tomo volumen siglo mundial",
    rulers="Felipe Alfonso Carlos Fernando Isabel Juan Pablo Pío Benedicto León Gregorio Luis Enrique Jaime Sancho Pedro Napoleón"
    " Guillermo Federico Alejandro Nicolás Catalina Jorge Eduardo Francisco Ramsés",
    regnal=_spanish_regnal,
    fractions={
        2: ("un medio", "medios"),
        3: ("un tercio", "tercios"),
        4: ("un cuarto", "cuartos"),
        5: ("un quinto", "quintos"),
        6: ("un sexto", "sextos"),
        8: ("un octavo", "octavos"),
        10: ("un décimo", "décimos"),
    },
    fraction_and="y",
    gender_of=_gender,
    stage="susurra susurrando ríe risas riendo suspira tose bosteza llora grita ronca sonido ruido música pausa silencio trueno",
    number_rules=((r"(?P<number>\d{1,2})er(?![^\W_])", lambda locale, match: _apocope(int(match["number"]))),),
)


def _apocope(number: int) -> str:
    return {1: "primer", 3: "tercer"}.get(number, numbers.ordinal("es", number, "m"))


PORTUGUESE = Locale(
    language="pt",
    point="vírgula",
    fraction_as_number=True,
    minus="menos",
    to="a",
    percent="por cento",
    degrees="graus",
    signs=signs(
        "& e; + mais; = igual a; × vezes; * vezes; ÷ dividido por; < menor que; > maior que; ± mais ou menos; ~ cerca de; - menos;"
        "− menos; / ou; § parágrafo; # hashtag; @ arroba; % por cento; ° graus; dot ponto; slash barra; hyphen hífen;"
        "_ sublinhado; . ponto; over sobre"
    ),
    months="janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    month_abbreviations="jan fev mar abr - jun jul ago set out nov dez",
    ordinal_mark=r"\.?(?:(?P<m>[º°])|(?P<f>ª))|(?:o(?![^\W_]))|(?P<r>a)(?![^\W_])",
    day_mark="[º°]?",
    of="(?: de)?",
    say_of="de",
    day=_portuguese_day,
    clock=_portuguese_clock,
    clock_marks=":hH",
    hour_words=" ?(?:h|horas?)",
    units=nouns(
        """
        km = quilômetro|quilômetros;m
        m = metro|metros;m
        cm = centímetro|centímetros;m
        mm = milímetro|milímetros;m
        kg = quilograma|quilogramas;m
        g = grama|gramas;m
        l L = litro|litros;m
        ml = mililitro|mililitros;m
        °C = grau Celsius|graus Celsius;m
        m² = metro quadrado|metros quadrados;m
        min = minuto|minutos;m
        s = segundo|segundos;m
        """
    ),
    per={"/h": "por hora", "/s": "por segundo"},
    currency=currencies(
        """
        R$ BRL = real|reais;m + centavo|centavos;m
        € EUR euro euros = euro|euros;m + cêntimo|cêntimos;m
        $ USD US$ = dólar|dólares;m + centavo|centavos;m
        £ GBP = libra|libras;f + pêni|pence;m
        """
    ),
    money_and="e",
    say_cents=True,
    scales=nouns("mil = mil|mil\nmilhão milhões mi = milhão|milhões;m\nbilhão bilhões bi = bilhão|bilhões;m"),
    scale_of="de",
    abbreviations=pairs(
        """
        sr. = senhor
        sra. = senhora
        srta. = senhorita
        dr. = doutor
        dra. = doutora
        prof. = professor
        profa. = professora
        d. = ~Dona
        etc. = et cetera
        p. ex. = por exemplo
        p.ex. = por exemplo
        av. = avenida
        a. c. = antes de Cristo
        d. c. = depois de Cristo
        aprox. = aproximadamente
        sto. = santo
        sta. = santa
        """
    ),
    before_number=pairs(
        "n.º = número\nn.° = número\nnº = número\nn° = número\nnúm. = número\npág. = página\np. = página\npágs. = páginas\nvol. = volume\ncap. = capítulo\nart. = artigo"
    ),
    spelled=frozenset(words("TV CD DVD UE PC CPF RG EUA FBI ADN DNA")),
    chapters="capítulo parte ato cena livro tomo volume século mundial",
    rulers="Pedro João Luís Carlos Manuel Afonso Henrique Filipe Sebastião Sancho Maria Paulo Pio Bento Leão Gregório Napoleão"
    " Guilherme Frederico Alexandre Nicolau Catarina Jorge Eduardo Francisco Isabel Elizabeth",
    regnal=_portuguese_regnal,
    fractions={
        2: ("um meio", "meios"),
        3: ("um terço", "terços"),
        4: ("um quarto", "quartos"),
        5: ("um quinto", "quintos"),
        6: ("um sexto", "sextos"),
        8: ("um oitavo", "oitavos"),
        10: ("um décimo", "décimos"),
    },
    fraction_and="e",
    gender_of=_gender,
    stage="sussurra sussurrando ri risos rindo suspira tosse boceja chora grita ronca som ruído música pausa silêncio trovão",
)
