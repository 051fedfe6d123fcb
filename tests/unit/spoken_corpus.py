"""A hundred and two sentences as stories have them, in the embedded voice: what a check of speech must let pass.

Short and long ones, questions, calls, lists, clauses that end in dots, and words that are meant to come again.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

from gpu_job.engines.piper import PiperEngine
from gpu_job.engines.protocol import Speech, SpeechParameters

SENTENCES = tuple(
    """
The fox looked up.
No! He ran.
Good night, little bear.
Who is there?
Come in, come in!
It was late, and the lamps were out.
Yes, said the owl.
Ha, ha, ha, ha!
Tick, tock, tick, tock, went the old clock in the hall.
Once there was a king who could not sleep.
He tried counting sheep, then goats, then geese, then clouds, and at last the freckles on his own nose.
The wind blew, and blew, and blew, until the last leaf let go.
"Is it morning yet?" asked the smallest mouse.
"Not yet," said her mother, "but the birds are thinking about it."
She waited... and waited... and nothing came.
Row, row, row your boat, gently down the stream.
He was very, very, very small, but he had a very, very big hat.
There were seven chairs around the table, and eight guests.
Nobody wanted to be the one who had to stand.
The baker rose at four, lit the oven, and sang to the dough.
Snow!
Far beyond the hills, where the river turns twice and forgets its own name, there lived a woman who mended shadows.
People brought them to her torn by brambles, or worn thin at the knees, or lost altogether in a crowd.
She sat by the window with a silver needle, and she never once asked them how it had happened.
A shadow is shy, she used to say; it will come back by itself if you leave the door open.
One day a boy came with nothing in his hands.
"I have lost mine," he said.
"Where did you have it last?"
"On the wall of the school, at noon."
That was a bad sign, because at noon a shadow is short and easily swept up.
So they went out together and looked beneath the benches, behind the well, and under the wheels of the milk cart.
By evening they had found eleven shadows, but not one of them was his.
The twelfth was asleep on the roof of the town hall, stretched out long and thin and purple in the last of the light.
It yawned.
It slid down the drainpipe, across the square, and up to his feet as if it had never been away.
After that, the boy was careful at noon.
Grandmother kept her buttons in a tin that had once held ginger biscuits.
Blue ones, brass ones, bone ones, and one in the shape of a star.
If you shook the tin, it sounded like rain on a boat.
The boat was called Patience, and she leaked.
"We shall need a bucket," said the captain.
"We shall need two," said the cook.
They set out on a Tuesday with three loaves of bread, a lantern, and a cat who was not afraid of water.
The sea was flat.
The sea was so flat that the stars lay on it like crumbs on a tablecloth.
Toward midnight something large breathed out beside them, slowly, the way a sleeping dog does.
Nobody spoke.
Then the cat said, quite clearly, "Good evening."
And the whale said, "Good evening, cat."
It turned out that they had been to the same school.
How strange it is, to sail so far and meet your neighbours!
Thomas had a train set with two engines, forty wagons, and a bridge that opened.
Every night at nine, the smaller engine went around by itself.
He knew, because he had tied a thread across the track, and in the morning the thread was broken.
Where did it go?
What did it carry?
And why were there always a few grains of sugar in the last wagon?
He stayed awake to see.
At nine the lamp above the station came on, no bigger than a lentil.
A very small voice called, "All aboard for Candle Street, Thimble Lane, and the Kitchen!"
Out of the skirting board came a family of beetles with luggage.
Thomas held his breath until they were all on.
The next day he built them a waiting room with a bench.
Sleep, my love, the moon is high.
Sleep, my love, the night is long.
Hush now, hush now, close your eyes.
In the middle of the forest stood a door, just a door, with no house around it.
If you opened it from the east, you came out in the west, which is no more than anyone would expect.
But if you knocked first, and waited politely, somebody opened it from the inside.
Knock, knock.
"You are late," said the badger, "and you have brought the weather with you."
He hung up their coats, gave them slippers, and poured out tea that tasted of chestnuts and smoke.
There was a fire, there was a kettle, there was a chair for everybody, and there was a rule about muddy paws.
They stayed for a hundred years, or perhaps it was an afternoon.
When they stepped out again, it had stopped raining.
The giant was not angry, only tired, and a little lonely since the bridge had been moved.
"Please do not shout," he whispered.
"I have such large ears."
The girl thought about that.
Then she sat down on his shoe and told him, as quietly as she could, the story of the three bears.
He had never heard it before.
He laughed at the porridge, cried at the broken chair, and wanted to know what the bears' names were.
Brown, Brown, and Brown, she said, because she had to say something.
A long way up the mountain, past the last farm, past the last fence, past the last tree that had ever dared, lay a lake.
Its water was so clear that the fish seemed to fly.
Its water was so cold that nobody had ever learned to swim there.
Its water was so old that it remembered when the mountain had been an island.
Ella filled her bottle, drank half, and gave the other half back.
"Thank you," said the lake.
She was polite, so she did not run until she was around the corner.
Left foot, right foot, left foot, right foot, all the way home.
The dragon collected spoons.
Nobody knew why, least of all the dragon.
On the first of May, the whole village carried their soup up the hill.
There was leek soup, pea soup, fish soup, onion soup, and something green that nobody would own up to.
He handed out the spoons one by one, and he knew each of them by name.
Afterwards they washed them in the stream, two hundred and six of them, and he counted them back into the box.
Two hundred and five.
Everybody looked at Peter.
Peter looked at his soup, and then, very slowly, took the spoon out of his sleeve.
The end.
Good night, good night, good night.
""".strip().splitlines()
)


_SPOKEN: list[Speech] = []


@functools.cache
def _speaking() -> Iterator[Speech]:
    engine = PiperEngine()
    return engine.speak(SENTENCES, engine.own_voice, SpeechParameters(seed=1))


def spoken_corpus(count: int = len(SENTENCES)) -> list[tuple[str, Speech]]:
    """The first `count` sentences and their speech, always the same; two cores speak eight seconds of it in one."""
    while len(_SPOKEN) < count:
        _SPOKEN.append(next(_speaking()))
    return list(zip(SENTENCES[:count], _SPOKEN[:count], strict=True))
