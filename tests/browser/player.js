// Plays one playlist as an app's web view would, and tells the test what happens and what is heard.
//
//   player.html?playlist=URL&rate=1
//
//   hls.js ─▶ <audio> ─▶ recorder.js ─▶ POST /heard    what leaves the loudspeaker: mono float32, RECORDED_RATE
//      │         │
//      └─────────┴─────▶ POST /events                  what happened, in order, as a list of moments
const RECORDED_RATE = 24_000; // Hz
const TICK_MS = 40;
const BLOCKS_AFTER_END = 3; // what was still on its way from the <audio> element when it had ended
const MEDIA_EVENTS = ["playing", "waiting", "pause", "seeking", "seeked", "durationchange", "ended", "error"];

const query = new URLSearchParams(location.search);
const audio = document.querySelector("audio");
let moments = [];
let heard = [];

function tell(event, details = {}) {
  moments.push({
    event,
    at: performance.now() / 1000,
    time: audio.currentTime,
    duration: Number.isFinite(audio.duration) ? audio.duration : null,
    buffered: Array.from(audio.buffered, (_, i) => [audio.buffered.start(i), audio.buffered.end(i)]),
    details,
  });
}

/** One request at a time, so that everything arrives in order. */
async function report() {
  const [happened, sound] = [moments, heard];
  [moments, heard] = [[], []];
  if (sound.length) await fetch("/heard", { method: "POST", body: new Blob(sound) });
  if (happened.length) await fetch("/events", { method: "POST", body: JSON.stringify(happened) });
  setTimeout(report, TICK_MS);
}

async function record() {
  const context = new AudioContext({ sampleRate: RECORDED_RATE });
  await context.audioWorklet.addModule("recorder.js");
  const recorder = new AudioWorkletNode(context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
  let blocksAfterEnd = 0;
  recorder.port.onmessage = ({ data }) => {
    heard.push(data);
    if (audio.ended && ++blocksAfterEnd === BLOCKS_AFTER_END) tell("all heard");
  };
  context.createMediaElementSource(audio).connect(recorder).connect(context.destination);
  await context.resume();
}

function play(url) {
  const hls = new Hls();
  hls.on(Hls.Events.ERROR, (_, { type, details, fatal }) => tell("hls error", { type, details, fatal }));
  hls.on(Hls.Events.LEVEL_UPDATED, (_, { details }) =>
    tell("playlist", { segments: details.fragments.length, isOpen: details.live, seconds: details.totalduration }),
  );
  hls.on(Hls.Events.FRAG_BUFFERED, (_, { frag }) => tell("segment", { number: frag.sn }));
  hls.loadSource(url);
  hls.attachMedia(audio);
  // A tape that runs faster, not a voice that talks faster: every sample is still played, and can be compared.
  audio.preservesPitch = false;
  audio.defaultPlaybackRate = audio.playbackRate = Number(query.get("rate") ?? 1);
  return audio.play();
}

const failed = ({ message, reason }) => tell("page error", { message: String(message ?? reason) });
addEventListener("error", failed);
addEventListener("unhandledrejection", failed);
for (const event of MEDIA_EVENTS) audio.addEventListener(event, () => tell(event));
setInterval(() => tell("tick"), TICK_MS);
report();
await record();
await play(query.get("playlist"));
