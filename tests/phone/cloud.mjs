// A phone's way into a Firebase project: the unmodified SDK, told where the services are. Only these variables differ
// between the local cloud and the official emulators:
//
//   PHONE_PROJECT, PHONE_REGION
//   FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, FUNCTIONS_EMULATOR_HOST     host:port each
//   APP_CHECK_URL                                                                     the issuer that knows a debug token
import { deleteApp, initializeApp } from "firebase/app";
import { CustomProvider, initializeAppCheck } from "firebase/app-check";
import { connectAuthEmulator, inMemoryPersistence, initializeAuth } from "firebase/auth";
import { connectFirestoreEmulator, getFirestore, onSnapshot, setLogLevel, terminate } from "firebase/firestore";
import { connectFunctionsEmulator, getFunctions, httpsCallable } from "firebase/functions";

const APP_ID = "1:1234567890:android:0123456789abcdef";
const DEBUG_TOKEN = "local";
const ONCE = ["createVoiceProfile", "requestStoryAudio", "deleteVoice", "deleteAccount"]; // take a token only once
const LOOK_SECONDS = 2;

setLogLevel("silent"); // a denial is what some of the checks are after; every error reaches the caller anyway

/** One installation of the app, signed out. `call(name, data)` calls a callable; `close()` lets the program end. */
export function openPhone(name) {
  const projectId = setting("PHONE_PROJECT");
  const app = initializeApp({ projectId, apiKey: "local", appId: APP_ID }, name);
  initializeAppCheck(app, { provider: new CustomProvider({ getToken: () => attest(projectId) }) });
  const auth = initializeAuth(app, { persistence: inMemoryPersistence });
  connectAuthEmulator(auth, `http://${setting("FIREBASE_AUTH_EMULATOR_HOST")}`, { disableWarnings: true });
  const db = getFirestore(app);
  connectFirestoreEmulator(db, ...address("FIRESTORE_EMULATOR_HOST"));
  const functions = getFunctions(app, setting("PHONE_REGION"));
  connectFunctionsEmulator(functions, ...address("FUNCTIONS_EMULATOR_HOST"));
  return {
    auth,
    db,
    call: async (callable, data) => {
      const options = { limitedUseAppCheckTokens: ONCE.includes(callable) };
      return (await httpsCallable(functions, callable, options)(data)).data;
    },
    close: async () => {
      await terminate(db);
      await deleteApp(app);
    },
  };
}

/**
 * Listen to a document until `done(fields)`; `seen` gets each version. Rejects when denied, or after `seconds`.
 *
 * After LOOK_SECONDS without news the listener is attached anew: localcloud/phone.py says what the emulator may lose.
 */
export function listen(reference, done, { seen = () => {}, seconds = 120 } = {}) {
  return new Promise((resolve, reject) => {
    let last = "nothing has come";
    let stop = attach();
    const look = setInterval(again, LOOK_SECONDS * 1000);
    const late = setTimeout(
      () => end(reject, new Error(`${reference.path} took longer than ${seconds} s; last seen: ${last}`)),
      seconds * 1000,
    );
    function attach() {
      return onSnapshot(reference, brought, (error) => end(reject, error));
    }
    function brought(snapshot) {
      const fields = snapshot.data();
      if (!fields) return;
      look.refresh();
      last = `${fields.status} ${fields.progress?.stage ?? ""}`;
      seen(fields);
      if (done(fields)) end(resolve, fields);
    }
    function again() {
      stop();
      stop = attach();
    }
    function end(settle, value) {
      clearTimeout(late);
      clearInterval(look);
      stop();
      settle(value);
    }
  });
}

/** One line of JSON for whoever started the program. Never a token, a signed URL or a story's text. */
export function tell(step, facts = {}) {
  console.log(JSON.stringify({ step, ...facts }));
}

/** Run a program to its end: status 1 and the reason on stderr if it throws. */
export async function run(program) {
  try {
    await program();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  process.exit(); // the SDK's timers for refreshing tokens would keep the process for an hour
}

export function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; cloud.mjs says what the program wants to know.`);
  return value;
}

function address(name) {
  const [host, port] = setting(name).split(":");
  return [host, Number(port)];
}

async function attest(projectId) {
  const url = `${setting("APP_CHECK_URL")}/v1/projects/${projectId}/apps/${APP_ID}:exchangeDebugToken`;
  const body = JSON.stringify({ debugToken: DEBUG_TOKEN });
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (!answer.ok) throw new Error(`App Check answered ${answer.status}`);
  const { token, ttl } = await answer.json();
  return { token, expireTimeMillis: Date.now() + Number.parseInt(ttl, 10) * 1000 };
}
