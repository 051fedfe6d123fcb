// The whole way of a story, as the app goes it: a recording becomes a voice, a story is told in it, a second telling is
// taken back, one is asked for and taken back by call, and in the end the voice is deleted with all that was told in it.
//
//   node tell_story.mjs RECORDING STORY      beside the variables of cloud.mjs
import { createUserWithEmailAndPassword } from "firebase/auth";
import { collection, doc, getDoc, getDocs, query, updateDoc, where } from "firebase/firestore";
import { readFile } from "node:fs/promises";
import { listen, openPhone, run, tell } from "./cloud.mjs";
import { audioRequest, create, newId, story, voiceProfile } from "./documents.mjs";

const FINISHED = ["ready", "failed", "cancelled"];

await run(async () => {
  const [recordingPath, storyPath] = process.argv.slice(2);
  const phone = openPhone("tell-story");
  const email = `parent-${newId()}@example.com`;
  const { user } = await createUserWithEmailAndPassword(phone.auth, email, newId());
  tell("signed in");

  const voiceId = newId();
  const recordingKey = await upload(phone, voiceId, await readFile(recordingPath));
  tell("uploaded");
  const voice = await create(phone.db, "voice_profiles", voiceId, voiceProfile(user.uid, recordingKey));
  const made = await follow("voice", voice);
  tell("voice is ready", { fields: Object.keys(made), model: made.model });

  const text = await readFile(storyPath, "utf8");
  const storyId = newId();
  await create(phone.db, "stories", storyId, story(user.uid, text));
  const requestId = newId();
  const request = await create(phone.db, "audio_requests", requestId, audioRequest(user.uid, storyId, voiceId));
  const told = await follow("narration", request);
  tell("narration is ready", { fields: Object.keys(told), durationSeconds: told.durationSeconds });

  const audio = await download((await phone.call("getAudioUrl", { requestId })).url);
  tell("audio fetched", { bytes: audio.length, begins: audio.subarray(0, 3).toString("hex") });
  const found = await getDocs(query(collection(phone.db, "stories"), where("userId", "==", user.uid)));
  const patched = found.docs.map((each) => each.data());
  tell("story is patched", {
    stories: patched.length,
    fields: Object.keys(patched[0]),
    audioStatus: patched[0].audioStatus,
    versions: patched[0].audioVersions.length,
  });

  await takeBack(phone, audioRequest(user.uid, storyId, voiceId));
  await takeBackByCall(phone, { storyId, voiceId, language: "en" });
  await deleteVoice(phone, user.uid, { voiceId, storyId, requestId });
  await phone.close();
});

/** By a signed URL: the recording never passes through a function. Returns its key. */
async function upload(phone, voiceId, recording) {
  const wanted = { voiceId, contentType: "audio/flac", sizeBytes: recording.length };
  const { url, method, headers, recordingKey } = await phone.call("createUpload", wanted);
  delete headers["Content-Length"]; // fetch sets it itself
  const answer = await fetch(url, { method, headers, body: recording });
  if (!answer.ok) throw new Error(`The bucket refused the recording with status ${answer.status}`);
  return recordingKey;
}

async function download(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`The bucket refused the audio with status ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}

/** Listen until the request is finished; what came by is told. Throws unless it became ready. */
async function follow(what, reference) {
  const statuses = [];
  const stages = [];
  const seen = ({ status, progress }) => {
    if (statuses.at(-1) !== status) statuses.push(status);
    if (progress?.stage && stages.at(-1) !== progress.stage) stages.push(progress.stage);
  };
  const last = await listen(reference, ({ status }) => FINISHED.includes(status), { seen });
  tell(`${what} was followed`, { statuses, stages });
  if (last.status !== "ready") throw new Error(`${what}: ${last.status}, ${last.error?.code} ${last.error?.message}`);
  return last;
}

/** Ask for it once more, in a long text, and cancel; a finished request cannot be cancelled again. */
async function takeBack(phone, fields) {
  const text = "The fox looked up at the grapes, and the grapes hung high above the fox. ".repeat(100);
  const request = await create(phone.db, "audio_requests", newId(), { ...fields, text });
  await listen(request, ({ status }) => status !== "pending");
  await updateDoc(request, { status: "cancelled" });
  // The server lets go of the job when its worker next reports, or when the reconciler comes by.
  const last = await listen(request, ({ status, jobActive }) => status === "cancelled" && !jobActive);
  tell("cancelled", { fields: Object.keys(last) });
  const again = await updateDoc(doc(phone.db, request.path), { status: "cancelled" }).catch((error) => error.code);
  tell("cancelled again", { answer: again, status: (await getDoc(request)).data().status });
}

/** The same by callables: asked for twice under one id, it is one request; taken back, it is finished. */
async function takeBackByCall(phone, fields) {
  const text = "The grapes hung high above the fox, and the fox looked up at the grapes. ".repeat(100);
  const asked = { requestId: newId(), text, ...fields };
  const first = await phone.call("requestStoryAudio", asked);
  const again = await phone.call("requestStoryAudio", asked);
  const other = await phone.call("requestStoryAudio", { ...asked, speed: 2 }).catch((error) => error.code);
  const { status } = await phone.call("cancelRequest", { requestId: asked.requestId });
  await listen(doc(phone.db, first.path), ({ jobActive }) => !jobActive);
  tell("cancelled by call", { same: first.path === again.path, other, status });
}

/** What a phone can see of it afterwards is nothing: neither the voice nor a narration in it. */
async function deleteVoice(phone, uid, { voiceId, storyId, requestId }) {
  const answer = await phone.call("deleteVoice", { voiceId });
  const own = (name) => getDocs(query(collection(phone.db, name), where("userId", "==", uid)));
  const [voices, requests] = await Promise.all([own("voice_profiles"), own("audio_requests")]);
  const told = (await getDoc(doc(phone.db, "stories", storyId))).data();
  const audio = await phone.call("getAudioUrl", { requestId }).catch((error) => error.code);
  const left = { voices: voices.size, requests: requests.size, fields: Object.keys(told), audio };
  tell("voice deleted", { uid, voiceId, erased: answer.erased, ...left });
}
