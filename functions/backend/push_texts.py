"""What a device says when a job is over, in each language of the product. What it is about (the story's title, the
voice's name) stands below, on a line of its own, so that no language has to bend a sentence around it.

Written by us and not read by a native speaker of each; a correction is one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Texts(NamedTuple):
    story_ready: str
    story_failed: str
    voice_ready: str
    voice_failed: str


FALLBACK = "en"
TEXTS: Mapping[str, Texts] = {
    "ar": Texts("قصتك جاهزة", "تعذّرت رواية قصتك", "الصوت الجديد جاهز", "تعذّر إنشاء الصوت"),
    "da": Texts(
        "Din historie er klar",
        "Din historie kunne ikke læses op",
        "Den nye stemme er klar",
        "Stemmen kunne ikke oprettes",
    ),
    "de": Texts(
        "Deine Geschichte ist fertig",
        "Deine Geschichte konnte nicht vorgelesen werden",
        "Die neue Stimme ist fertig",
        "Die Stimme konnte nicht erstellt werden",
    ),
    "el": Texts(
        "Η ιστορία σου είναι έτοιμη",
        "Η αφήγηση της ιστορίας σου απέτυχε",
        "Η νέα φωνή είναι έτοιμη",
        "Η δημιουργία της φωνής απέτυχε",
    ),
    "en": Texts(
        "Your story is ready", "Your story could not be told", "The new voice is ready", "The voice could not be made"
    ),
    "es": Texts(
        "Tu cuento está listo", "No se pudo narrar tu cuento", "La nueva voz está lista", "No se pudo crear la voz"
    ),
    "fi": Texts("Tarinasi on valmis", "Tarinaasi ei voitu lukea ääneen", "Uusi ääni on valmis", "Ääntä ei voitu luoda"),
    "fr": Texts(
        "Votre histoire est prête",
        "Votre histoire n’a pas pu être racontée",
        "La nouvelle voix est prête",
        "La voix n’a pas pu être créée",
    ),
    "he": Texts("הסיפור שלך מוכן", "לא ניתן היה להקריא את הסיפור שלך", "הקול החדש מוכן", "לא ניתן היה ליצור את הקול"),
    "hi": Texts("आपकी कहानी तैयार है", "आपकी कहानी सुनाई नहीं जा सकी", "नई आवाज़ तैयार है", "आवाज़ नहीं बनाई जा सकी"),
    "it": Texts(
        "La tua storia è pronta",
        "Non è stato possibile narrare la tua storia",
        "La nuova voce è pronta",
        "Non è stato possibile creare la voce",
    ),
    "ja": Texts(
        "お話の準備ができました",
        "お話を読み上げられませんでした",
        "新しい声の準備ができました",
        "声を作成できませんでした",
    ),
    "ko": Texts(
        "이야기가 준비되었어요",
        "이야기를 들려드리지 못했어요",
        "새 목소리가 준비되었어요",
        "목소리를 만들지 못했어요",
    ),
    "ms": Texts(
        "Cerita anda sudah sedia",
        "Cerita anda tidak dapat dibacakan",
        "Suara baharu sudah sedia",
        "Suara itu tidak dapat dibuat",
    ),
    "nl": Texts(
        "Je verhaal is klaar",
        "Je verhaal kon niet worden voorgelezen",
        "De nieuwe stem is klaar",
        "De stem kon niet worden gemaakt",
    ),
    "no": Texts(
        "Historien din er klar",
        "Historien din kunne ikke leses opp",
        "Den nye stemmen er klar",
        "Stemmen kunne ikke lages",
    ),
    "pl": Texts(
        "Twoja bajka jest gotowa",
        "Nie udało się opowiedzieć Twojej bajki",
        "Nowy głos jest gotowy",
        "Nie udało się utworzyć głosu",
    ),
    "pt": Texts(
        "Sua história está pronta",
        "Não foi possível narrar sua história",
        "A nova voz está pronta",
        "Não foi possível criar a voz",
    ),
    "ru": Texts(
        "Ваша сказка готова", "Не удалось озвучить вашу сказку", "Новый голос готов", "Не удалось создать голос"
    ),
    "sv": Texts(
        "Din saga är klar", "Din saga kunde inte läsas upp", "Den nya rösten är klar", "Rösten kunde inte skapas"
    ),
    "sw": Texts(
        "Hadithi yako iko tayari",
        "Hadithi yako haikuweza kusimuliwa",
        "Sauti mpya iko tayari",
        "Sauti haikuweza kutengenezwa",
    ),
    "tr": Texts("Hikâyen hazır", "Hikâyen seslendirilemedi", "Yeni ses hazır", "Ses oluşturulamadı"),
    "zh": Texts("您的故事准备好了", "您的故事未能朗读", "新声音准备好了", "声音未能创建"),
}
# What phones call some of them: Norwegian by its two forms, Hebrew by its code of before 1989.
_ALSO = {"nb": "no", "nn": "no", "iw": "he"}


def texts_in(language: str) -> Texts:
    """For a BCP 47 tag such as `pt-BR`; English where we do not have the language."""
    primary = language.replace("_", "-").partition("-")[0].lower()
    return TEXTS.get(_ALSO.get(primary, primary), TEXTS[FALLBACK])
