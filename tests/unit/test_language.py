"""Which language a text looks like: refused only where it is plain."""

# ruff: noqa: E501  a story is easier to read in long lines
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_job.narration.language import looks_like
from jobs.documents import LANGUAGES

FABLE = (Path(__file__).parents[2] / "assets" / "fable.txt").read_text()

# The beginning of a fable, told anew in each language.
STORIES = {
    "en": "A lion lay asleep in the forest, and a little mouse came upon him by surprise. She was so afraid that she ran"
    " across his nose. The lion woke and laid his paw upon her, but she asked him to let her go, and he did.",
    "de": "Ein Löwe schlief im Wald, und eine kleine Maus kam zu ihm. Sie hatte so große Angst, dass sie über seine Nase"
    " lief. Da wachte der Löwe auf und hielt sie mit der Pfote fest, aber sie bat ihn, dass er sie gehen ließ.",
    "fr": "Un lion dormait dans la forêt, et une petite souris est arrivée près de lui. Elle avait si peur qu'elle a couru"
    " sur son nez. Le lion se réveilla et la prit dans sa patte, mais elle lui demanda de la laisser partir.",
    "es": "Un león dormía en el bosque y un pequeño ratón llegó hasta él. Tenía tanto miedo que corrió por la nariz del"
    " león. El león se despertó y lo tomó con su pata, pero el ratón le pidió que lo dejara ir, y él lo hizo.",
    "it": "Un leone dormiva nella foresta e un piccolo topo arrivò vicino a lui. Aveva così tanta paura che corse sul suo"
    " naso. Il leone si svegliò e lo prese con la zampa, ma il topo gli chiese di non fargli del male e di lasciarlo.",
    "pt": "Um leão dormia na floresta e um pequeno rato chegou perto dele. Ele tinha tanto medo que correu pelo nariz do"
    " leão. O leão acordou e o pegou com a pata, mas o rato pediu que não o comesse e que o deixasse ir embora.",
    "nl": "Een leeuw lag in het bos te slapen en een kleine muis kwam naar hem toe. Ze was zo bang dat ze over zijn neus"
    " liep. De leeuw werd wakker en hield haar vast met zijn poot, maar ze vroeg hem of hij haar wilde laten gaan.",
    "da": "En løve lå og sov i skoven, og en lille mus kom hen til den. Hun var så bange, at hun løb hen over dens næse."
    " Løven vågnede og tog hende med sin pote, men hun bad den om at lade hende gå, og det gjorde den.",
    "no": "En løve lå og sov i skogen, og en liten mus kom bort til den. Hun var så redd at hun løp over nesen til den."
    " Løven våknet og tok henne med labben sin, men hun ba den om å la henne gå, og det gjorde den.",
    "sv": "Ett lejon låg och sov i skogen, och en liten mus kom fram till det. Hon var så rädd att hon sprang över dess nos."
    " Lejonet vaknade och tog henne med sin tass, men hon bad att det skulle låta henne gå, och det gjorde det.",
    "fi": "Leijona nukkui metsässä, ja pieni hiiri tuli sen luo. Se oli niin peloissaan, että se juoksi leijonan nenän yli."
    " Leijona heräsi ja otti sen kiinni, mutta hiiri pyysi, että se saisi mennä, ja niin leijona antoi sen mennä, kun se oli"
    " sanonut, että se voi vielä auttaa.",
    "pl": "Lew spał w lesie, a mała mysz przyszła do niego. Tak się bała, że pobiegła po jego nosie. Lew się obudził i złapał"
    " ją łapą, ale ona poprosiła go, żeby jej nie jadł i żeby ją puścił, i tak też się stało, bo był to dobry lew.",
    "tr": "Bir aslan ormanda uyuyordu ve küçük bir fare onun yanına geldi. O kadar çok korktu ki aslanın burnunun üzerinden"
    " koştu. Aslan uyandı ve onu yakaladı, ama fare ona bir gün yardım etmek için söz verdi ve aslan da onu bıraktı.",
    "ms": "Seekor singa sedang tidur di dalam hutan dan seekor tikus kecil datang kepada singa itu. Tikus itu sangat takut"
    " dan berlari di atas hidungnya. Singa itu bangun dan menangkapnya, tetapi tikus itu meminta supaya ia tidak dimakan.",
    "sw": "Simba alikuwa amelala katika msitu na panya mdogo alikuja kwa simba huyo. Panya huyo aliogopa sana na kukimbia juu"
    " ya pua yake. Simba aliamka na kumkamata, lakini panya akasema kwamba siku moja atamsaidia, na simba akamwacha.",
    "ru": "Лев спал в лесу, и маленькая мышка подбежала к нему.",
    "el": "Ένα λιοντάρι κοιμόταν στο δάσος και ήρθε ένα ποντίκι.",
    "ar": "كان أسد نائما في الغابة وجاء إليه فأر صغير.",
    "he": "אריה ישן ביער ועכבר קטן בא אליו בלילה אחד.",
    "hi": "एक शेर जंगल में सो रहा था और एक छोटा चूहा उसके पास आया।",
    "ko": "사자가 숲에서 자고 있었는데 작은 쥐가 다가왔습니다.",
    "ja": "ライオンが森で眠っていると、小さなネズミがやって来ました。",
    "zh": "一只狮子在森林里睡觉，一只小老鼠跑到了它的身边。",
}
CLOSE = ({"da", "no"}, {"zh", "ja"})


@pytest.mark.parametrize("expected", LANGUAGES)
@pytest.mark.parametrize("language", STORIES)
def test_a_story_looks_like_its_language(language: str, expected: str) -> None:
    found = looks_like(STORIES[language], expected)
    if language == expected or any({language, expected} <= pair for pair in CLOSE):
        assert found is None
    else:
        assert found in ({language} if language not in {"da", "no"} else {"da", "no"}) | {None}
    related = ({"da", "no", "sv"}, {"es", "pt", "it"}, {"de", "nl"})
    if language != expected and not any({language, expected} <= family for family in (*related, *CLOSE)):
        assert found is not None


def test_every_language_has_a_story() -> None:
    assert set(STORIES) == set(LANGUAGES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "🌙",
        "12345",
        "Guten Morgen",  # too short to refuse
        "Привет, Анна",  # a greeting
        "ha " * 10_000,
        "la la la di da " * 200,
        "Müller, Schmidt, García, Rossi, Nowak, Jansen, Dubois, Andersson " * 10,  # names
        "She said: “Dobrý den, Иван Иванович!” and laughed. " + FABLE[:400],
    ],
)
def test_what_is_not_clear_is_not_refused(text: str) -> None:
    assert looks_like(text, "en") is None


def test_a_fable_with_a_foreign_verse_is_still_its_own() -> None:
    assert looks_like(FABLE + STORIES["de"], "en") is None
    assert looks_like(FABLE, "en") is None
    assert looks_like(FABLE, "de") == "en"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.sampled_from(LANGUAGES))
def test_any_text_is_looked_at(text: str, expected: str) -> None:
    found = looks_like(text, expected)
    assert found is None or (found in LANGUAGES and found != expected)
