/** One event of a stream: its data, and the id that stood with it, which Last-Event-ID names. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** The events of a stream of server-sent events. Comments and names are skipped. Source: WHATWG HTML, 9.2.6. */
export async function* readServerSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  let id: string | undefined;
  for await (const chunk of chunksOf(body)) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the end may be the first half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, data: data.join('\n') };
        data = [];
        id = undefined;
      } else if (line.startsWith('data:')) data.push(fieldValue(line));
      else if (line.startsWith('id:')) id = fieldValue(line);
    }
  }
}

const fieldValue = (line: string): string => line.slice(line.indexOf(':') + 1).replace(/^ /, '');

/** Chunks of a body. If the reader stops early, the body is cancelled. Not every browser can iterate over streams. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let done = false;
  try {
    for (;;) {
      const read = await reader.read();
      done = read.done;
      if (read.done) return;
      yield read.value;
    }
  } finally {
    if (!done) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}
