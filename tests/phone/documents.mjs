// The documents that the app writes, as DESIGN has them.
import { doc, serverTimestamp, setDoc, Timestamp } from "firebase/firestore";
import { randomBytes } from "node:crypto";

export const newId = () => randomBytes(10).toString("hex");

export function voiceProfile(userId, recordingKey) {
  return {
    userId,
    name: "Mum",
    language: "en",
    isKidsVoice: false,
    recordingKey,
    consent: {
      speaker: "Mum",
      statement: "I am the speaker, and I agree that stories are told in my voice.",
      acceptedAt: Timestamp.now(),
    },
    ...pending(),
  };
}

export function story(userId, text) {
  return { userId, title: "The Fox and the Grapes", text, language: "en" };
}

export function audioRequest(userId, storyId, voiceId) {
  return { userId, storyId, voiceId, language: "en", ...pending() };
}

/** Create it and wait until the server has it. Returns its reference. */
export async function create(db, collection, id, fields) {
  const reference = doc(db, collection, id);
  await setDoc(reference, fields);
  return reference;
}

function pending() {
  return { status: "pending", createdAt: serverTimestamp() };
}
