"""A few words in a new voice, for the parent to hear at once: the same two sentences in every language."""

from __future__ import annotations

from pathlib import Path

from gpu_job.engines.protocol import Engine, SpeechParameters, VoiceProfile
from gpu_job.marked import require_mark
from gpu_job.narration.assembly import Assembly
from gpu_job.narration.encoding import AudioWriter, Format, format_named
from gpu_job.narration.plan import plan
from gpu_job.narration.tags import Tags

FORMAT: Format = format_named("mp3")
TITLE = "Sample"
TEXTS = {
    "ar": "كان يا ما كان، كان هناك صوت يعرف كل الحكايات. أغمض عينيك واستمع.",
    "da": "Der var engang en stemme, som kendte alle eventyr. Luk øjnene, og lyt.",
    "de": "Es war einmal eine Stimme, die jede Geschichte kannte. Mach die Augen zu und hör zu.",
    "el": "Μια φορά κι έναν καιρό ήταν μια φωνή που ήξερε όλα τα παραμύθια. Κλείσε τα μάτια σου και άκου.",
    "en": "Once upon a time, there was a voice that knew every story. Close your eyes, and listen.",
    "es": "Érase una vez una voz que conocía todos los cuentos. Cierra los ojos y escucha.",
    "fi": "Olipa kerran ääni, joka tunsi kaikki tarinat. Sulje silmäsi ja kuuntele.",
    "fr": "Il était une fois une voix qui connaissait toutes les histoires. Ferme les yeux et écoute.",
    "he": "היה היה פעם קול שהכיר את כל הסיפורים. עצמו עיניים והקשיבו.",
    "hi": "एक समय की बात है, एक आवाज़ थी जो हर कहानी जानती थी। आँखें बंद करो और सुनो।",
    "it": "C'era una volta una voce che conosceva tutte le storie. Chiudi gli occhi e ascolta.",
    "ja": "むかしむかし、すべての物語を知っている声がありました。目を閉じて、聞いてください。",
    "ko": "옛날 옛적에 모든 이야기를 아는 목소리가 있었어요. 눈을 감고 들어 보세요.",
    "ms": "Pada suatu masa dahulu, ada satu suara yang tahu semua cerita. Pejamkan mata dan dengarlah.",
    "nl": "Er was eens een stem die alle verhalen kende. Doe je ogen dicht en luister.",
    "no": "Det var en gang en stemme som kunne alle eventyr. Lukk øynene og lytt.",
    "pl": "Dawno, dawno temu był sobie głos, który znał wszystkie bajki. Zamknij oczy i posłuchaj.",
    "pt": "Era uma vez uma voz que conhecia todas as histórias. Feche os olhos e escute.",
    "ru": "Жил-был голос, который знал все сказки. Закрой глаза и слушай.",
    "sv": "Det var en gång en röst som kunde alla sagor. Blunda och lyssna.",
    "sw": "Hapo zamani za kale, palikuwa na sauti iliyojua hadithi zote. Fumba macho usikilize.",
    "tr": "Bir varmış bir yokmuş, bütün masalları bilen bir ses varmış. Gözlerini kapat ve dinle.",
    "zh": "从前，有一个声音，它知道所有的故事。闭上眼睛，听吧。",
}


def speak_sample(engine: Engine, profile: VoiceProfile, name: str, folder: Path) -> Path:
    """The sample of this voice as a file in the folder. Raises what the engine raises."""
    path = folder / f"sample.{FORMAT.extension}"
    planned = plan(TEXTS[profile.language], profile.language, max_characters=engine.max_characters)
    assembly = Assembly()
    spoken = engine.speak([piece.spoken for piece in planned.pieces], profile, SpeechParameters())
    with AudioWriter(path, FORMAT.name, tags=Tags(TITLE, name, profile.language)) as writer:
        for speech in spoken:
            piece = planned.pieces[speech.index]
            writer.write(assembly.add(speech, pause_after_seconds=piece.pause_after_seconds).samples)
    require_mark(path, engine.watermark)
    return path
