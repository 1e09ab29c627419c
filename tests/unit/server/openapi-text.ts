import { Type } from 'typebox';
import { startTestServer } from './start.ts';

/** Where the description of the API lives. */
export const OPENAPI_FILE = new URL('../../../docs/openapi.json', import.meta.url);

/** The text of docs/openapi.json, as the server describes itself. */
export async function openapiText(): Promise<string> {
  const test = await startTestServer();
  try {
    const description = await test.client().call({ path: '/openapi.json', answer: Type.Unknown() });
    return `${JSON.stringify(description, null, 2)}\n`;
  } finally {
    await test.stop();
  }
}
