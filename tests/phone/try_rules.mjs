// firestore.rules as a phone meets them: a representative part of tests/firestore_rules, through the SDK's own gRPC, its
// listeners, batches and transactions. One line for each attempt; status 1 if one went otherwise than it should.
import { createUserWithEmailAndPassword, signInAnonymously } from "firebase/auth";
import {
  arrayUnion, collection, collectionGroup, deleteDoc, deleteField, doc, getDoc, getDocs, limit, onSnapshot, query,
  runTransaction, serverTimestamp, setDoc, Timestamp, updateDoc, where, writeBatch,
} from "firebase/firestore";
import { openPhone, run, tell } from "./cloud.mjs";
import { audioRequest, create, newId, story, voiceProfile } from "./documents.mjs";

const surprises = [];

await run(async () => {
  const [ours, theirs, signedOut] = [openPhone("ours"), openPhone("theirs"), openPhone("signed-out")];
  const us = (await createUserWithEmailAndPassword(ours.auth, `us-${newId()}@example.com`, newId())).user.uid;
  const them = (await signInAnonymously(theirs.auth)).user.uid;
  const own = await belongings(ours.db, us);
  const foreign = await belongings(theirs.db, them);

  await reading(ours.db, us, own, them, foreign);
  await creating(ours.db, us, own, them, foreign);
  await changing(ours.db, us, own, foreign);
  await outside(signedOut.db, us, own);
  await Promise.all([ours.close(), theirs.close(), signedOut.close()]);
  if (surprises.length) throw new Error(`otherwise than it should be: ${surprises.join("; ")}`);
});

/** One document of each kind. The recording is not there, so the server will fail both requests; nobody waits for it. */
async function belongings(db, uid) {
  const [voiceId, storyId, requestId] = [newId(), newId(), newId()];
  await create(db, "voice_profiles", voiceId, voiceProfile(uid, `recordings/${uid}/${voiceId}/none.wav`));
  await create(db, "stories", storyId, story(uid, "Once."));
  await create(db, "audio_requests", requestId, audioRequest(uid, storyId, voiceId));
  return { voiceId, storyId, paths: [`voice_profiles/${voiceId}`, `stories/${storyId}`, `audio_requests/${requestId}`] };
}

async function reading(db, us, own, them, foreign) {
  for (const path of own.paths) {
    const [name] = path.split("/");
    const ownQuery = query(collection(db, name), where("userId", "==", us));
    await allowed(`get own ${name}`, () => getDoc(doc(db, path)));
    await allowed(`query own ${name}`, () => getDocs(ownQuery));
    await allowed(`listen to own ${name}`, () => firstSnapshot(ownQuery));
    await denied(`query all ${name}`, () => getDocs(query(collection(db, name), limit(1))));
    await denied(`query another's ${name}`, () => getDocs(query(collection(db, name), where("userId", "==", them))));
    await denied(`query every ${name}`, () => getDocs(query(collectionGroup(db, name), where("userId", "==", us))));
    await denied(`listen to all ${name}`, () => firstSnapshot(collection(db, name)));
  }
  for (const path of foreign.paths) {
    await denied(`get another's ${path.split("/")[0]}`, () => getDoc(doc(db, path)));
    await denied(`listen to another's ${path.split("/")[0]}`, () => firstSnapshot(doc(db, path)));
  }
  for (const name of ["jobs", "quotas", "accounts", "idempotency_keys", "refresh_tokens", "erasures", "receipts"]) {
    await denied(`get ${name}`, () => getDoc(doc(db, name, us)));
    await denied(`query ${name}`, () => getDocs(query(collection(db, name), where("userId", "==", us))));
    await denied(`create ${name}`, () => setDoc(doc(db, name, newId()), { userId: us }));
  }
}

async function creating(db, us, own, them, foreign) {
  const key = `recordings/${us}/voice/none.wav`;
  const voice = voiceProfile(us, key);
  const request = audioRequest(us, own.storyId, own.voiceId);
  const tale = story(us, "Once.");
  const attempts = [
    ["voice_profiles", voice, [
      ["for another", { userId: them }],
      ["with another's recording", { recordingKey: `recordings/${them}/voice/none.wav` }],
      ["already ready", { status: "ready" }],
      ["by the phone's clock", { createdAt: Timestamp.now() }],
      ["without consent", { consent: null }],
      ["with less consent", { consent: { speaker: "Mum", statement: "Yes." } }],
      ["with a profile", { profileKey: "voices/x" }],
      ["with an unknown field", { surprise: 1 }],
      ["of an unknown model", { modelType: "surprise" }],
    ]],
    ["audio_requests", request, [
      ["of another's story", { storyId: foreign.storyId }],
      ["in another's voice", { voiceId: foreign.voiceId }],
      ["of no story", { storyId: newId() }],
      ["too fast", { speed: 2.5 }],
      ["with a text for a number", { speed: "1" }],
      ["with an empty text", { text: "" }],
      ["with a job", { jobId: "x" }],
      ["by the phone's clock", { createdAt: Timestamp.now() }],
    ]],
    ["stories", tale, [
      ["for another", { userId: them }],
      ["already told", { audioStatus: "ready" }],
      ["with versions", { audioVersions: [] }],
      ["without a title", { title: "" }],
    ]],
  ];
  for (const [name, good, wrongs] of attempts) {
    await allowed(`create ${name}`, () => setDoc(doc(db, name, newId()), good));
    for (const [how, wrong] of wrongs) {
      await denied(`create ${name} ${how}`, () => setDoc(doc(db, name, newId()), { ...good, ...wrong }));
    }
  }
  await denied("a batch of a right one and a wrong one", () => {
    const batch = writeBatch(db).set(doc(db, "stories", newId()), tale);
    return batch.set(doc(db, "stories", newId()), { ...tale, audioUrl: "x" }).commit();
  });
}

async function changing(db, us, own, foreign) {
  const [voicePath, storyPath, requestPath] = own.paths;
  for (const path of [voicePath, requestPath]) {
    const reference = doc(db, path);
    const name = path.split("/")[0];
    for (const change of [{ status: "ready" }, { language: "de" }, { status: "cancelled", jobId: "x" }, { error: deleteField() }]) {
      await denied(`update ${name}: ${Object.keys(change)}`, () => updateDoc(reference, { ...change, updatedAt: serverTimestamp() }));
    }
    await denied(`delete ${name}`, () => deleteDoc(reference));
  }
  for (const path of foreign.paths) {
    await denied(`cancel another's ${path.split("/")[0]}`, () => updateDoc(doc(db, path), { status: "cancelled" }));
  }
  const tale = doc(db, storyPath);
  await allowed("update a story", () => updateDoc(tale, { title: "The Crow", colour: "blue" }));
  await denied("update a story: audioUrl", () => updateDoc(tale, { audioUrl: "x" }));
  await denied("update a story: audioVersions", () => updateDoc(tale, { audioVersions: arrayUnion({ id: "x" }) }));
  await denied("give a story away", () => updateDoc(tale, { userId: "other" }));
  await allowed("a transaction on a story", () =>
    runTransaction(db, async (transaction) => {
      const { title } = (await transaction.get(tale)).data();
      transaction.update(tale, { title: `${title} again` });
    }));
  await denied("a transaction that reads another's", () =>
    runTransaction(db, (transaction) => transaction.get(doc(db, foreign.paths[1]))));
  const spare = await create(db, "stories", newId(), story(us, "Twice."));
  await allowed("delete a story", () => deleteDoc(spare));
}

async function outside(db, us, own) {
  for (const path of own.paths) {
    const name = path.split("/")[0];
    await denied(`signed out: get ${name}`, () => getDoc(doc(db, path)));
    await denied(`signed out: query ${name}`, () => getDocs(query(collection(db, name), where("userId", "==", us))));
  }
  await denied("signed out: create a story", () => setDoc(doc(db, "stories", newId()), story(us, "Once.")));
}

/** What the server says, not what the SDK remembers of earlier answers. */
function firstSnapshot(target) {
  return new Promise((resolve, reject) => {
    const stop = onSnapshot(
      target,
      { includeMetadataChanges: true },
      (snapshot) => {
        if (snapshot.metadata.fromCache) return;
        stop();
        resolve(snapshot);
      },
      reject,
    );
  });
}

function allowed(what, attempt) {
  return judged(what, attempt, "ok");
}

function denied(what, attempt) {
  return judged(what, attempt, "permission-denied");
}

async function judged(what, attempt, expected) {
  const answer = await attempt().then(() => "ok", (error) => error.code ?? String(error));
  if (answer !== expected) surprises.push(`${what}: ${answer}`);
  tell(what, { expected, answer });
}
