import { readFile } from 'node:fs/promises';
import t from 'tap';
import { OPENAPI_FILE, openapiText } from './server/openapi-text.ts';

t.test('docs/openapi.json is what the server says (npm run openapi rewrites it)', async (t) => {
  t.equal(await readFile(OPENAPI_FILE, 'utf8'), await openapiText());
});
