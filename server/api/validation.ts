import { Ajv, type DefinedError } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifySchema, FastifySchemaCompiler } from 'fastify';

type SchemaNode = Record<string, unknown>;

/**
 * The door: every body and query is checked by ajv as it is, without coercion, defaults or removal of what is not
 * known. The first thing that is wrong is told in words: which key, and what is allowed there; never the value found,
 * which may be a password.
 */
export function validatorCompiler(): FastifySchemaCompiler<FastifySchema> {
  const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: false, verbose: true, removeAdditional: false });
  addFormats.default(ajv);
  return ({ schema, httpPart }) => {
    const check = ajv.compile(schema as SchemaNode);
    return (value: unknown) => {
      if (check(value)) return { value };
      return { error: new Error(describe(check.errors?.at(-1) as DefinedError | undefined, httpPart ?? 'body')) };
    };
  };
}

function describe(error: DefinedError | undefined, part: string): string {
  if (error === undefined) return `the ${part} is not valid`;
  const place = part === 'querystring' ? 'query' : part;
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const where = path === '' ? `the ${place}` : `"${path}" in the ${place}`;
  const node = (error.parentSchema ?? {}) as SchemaNode;
  const allowed = typeof node.description === 'string' ? `; allowed: ${node.description}` : '';
  switch (error.keyword) {
    case 'additionalProperties': {
      const keys = Object.keys((node.properties ?? {}) as SchemaNode).join(', ');
      return `${where} has a key that is not known: "${error.params.additionalProperty}"; allowed: ${keys}`;
    }
    case 'required':
      return `${where} lacks the key "${error.params.missingProperty}"`;
    case 'type':
      return `${where} must be ${withArticle(String(error.params.type))}${allowed}`;
    case 'const':
    case 'anyOf':
    case 'enum':
      return `${where} must be one of ${choices(node) || 'the values that the API describes'}`;
    case 'pattern':
      return `${where} is not in the right form${allowed || `; allowed: ${error.params.pattern}`}`;
    default:
      return `${where} ${error.message ?? 'is not valid'}${allowed}`;
  }
}

function choices(node: SchemaNode): string {
  const branches = Array.isArray(node.anyOf) ? (node.anyOf as SchemaNode[]) : [node];
  const values = branches.flatMap((b) => (Array.isArray(b.enum) ? b.enum : 'const' in b ? [b.const] : []));
  return values.map((v) => JSON.stringify(v)).join(', ');
}

function withArticle(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
