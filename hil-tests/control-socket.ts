/**
 * The agent's control socket (docs/configuration.md), asked as anybody may: what a test looks at
 * again and again is asked here, since a command that asks it is a process of its own.
 */
import { request } from 'node:http';

/** Generous: a machine under a flood answers late. */
const ANSWER_MS = 20_000;

/** The text of a good answer; undefined when there is none. */
export function askAgent(socketPath: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, timeout: ANSWER_MS, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
      response.on('error', () => resolve(undefined));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}
