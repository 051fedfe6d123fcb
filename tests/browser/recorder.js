// Runs on the audio thread: hands what passes by to the page, a twelfth of a second at a time.
const BLOCK = 2048;

class Recorder extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;

  process([[input]], [[output]]) {
    if (!input) return true; // nothing is connected, or nothing has begun
    output.set(input);
    this.#block.set(input, this.#filled); // 128 samples: a block holds a whole number of them
    this.#filled += input.length;
    if (this.#filled === BLOCK) {
      this.port.postMessage(this.#block);
      this.#block = new Float32Array(BLOCK);
      this.#filled = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
