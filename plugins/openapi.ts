import swagger from '@fastify/swagger'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { CheckOptions } from '../schemas/check.ts'

export interface OpenapiOptions { version: string }

type Json = Record<string, unknown>

const DESCRIPTION = `Chat about several images at once with a Qwen vision model.

Every error has a stable \`code\`. Sentences are in English, or in Chinese if \`Accept-Language\` prefers it.
A request to the model gets one of a few slots, or 429 at once. Keys are only needed if the operator has set some.`

const CHECK_OPTIONS: Array<keyof CheckOptions> = ['fault', 'counted', 'whole', 'place', 'hidden']

/** Collects the schemas of all routes into an OpenAPI 3.1 document. Registered before the routes. */
const plugin: FastifyPluginAsync<OpenapiOptions> = async (app, { version }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sightline', version, description: DESCRIPTION, license: { name: 'MIT', identifier: 'MIT' }
      },
      servers: [{ url: '/', description: 'This service' }],
      tags: [
        { name: 'chat', description: 'Questions about images' },
        { name: 'openai', description: 'OpenAI-compatible API' },
        { name: 'service', description: 'State of the service' }
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'One of API_KEYS' },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'One of API_KEYS' }
        }
      },
      security: [{ bearer: [] }, { apiKey: [] }, {}]
    },
    transformObject: document =>
      'openapiObject' in document ? nameSchemas(document.openapiObject as Json) : document.swaggerObject
  })
}

/**
 * Moves every schema that has a title to `components`, so that generated clients have a type for it, and removes the
 * options that only the service's own check of requests reads. Defaults of request fields become part of their
 * descriptions, because openapi-typescript makes every field with `default` required.
 */
function nameSchemas (document: Json): object {
  const named: Json = {}

  function visit (value: unknown, inRequest = false): unknown {
    if (Array.isArray(value)) return value.map(inner => visit(inner, inRequest))
    if (!isObject(value)) return value
    const schema = inRequest && 'default' in value ? describeDefault(value) : value
    const { title, ...rest } = Object.fromEntries(Object.entries(schema).flatMap(([key, inner]) => {
      if (key.startsWith('example')) return [[key, inner]]
      if (key === 'properties' && isObject(inner)) return [[key, visitProperties(inner, inRequest)]]
      if ((CHECK_OPTIONS as string[]).includes(key)) return []
      return [[key, visit(inner, inRequest || key === 'requestBody')]]
    })) as Json
    if (typeof title !== 'string') return title === undefined ? rest : { ...rest, title }
    if (named[title] && JSON.stringify(named[title]) !== JSON.stringify(rest)) {
      throw new Error(`Two schemas have the title ${title}`)
    }
    named[title] = rest
    return { $ref: `#/components/schemas/${title}` }
  }

  function visitProperties (properties: Json, inRequest: boolean): Json {
    const shown = Object.entries(properties).filter(([, inner]) => !(inner as CheckOptions).hidden)
    return Object.fromEntries(shown.map(([name, inner]) => [name, visit(inner, inRequest)]))
  }

  const paths = visit(document.paths)
  return { ...document, paths, components: { ...document.components as Json, schemas: named } }
}

function describeDefault ({ default: value, description, ...schema }: Json): Json {
  const sentence = `Default: \`${String(value)}\``
  return { ...schema, description: description === undefined ? sentence : `${description}. ${sentence}` }
}

function isObject (value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}

export default fp(plugin, { fastify: '5.x', name: 'openapi' })
