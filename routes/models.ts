import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { ModelListSchema, ModelSchema, OpenAiErrorSchema } from '../schemas/openai-answer.ts'
import { faultDocs } from './error-docs.ts'
import { assertModel, loadedModel } from './openai.ts'
import type { TypedApp } from './typed-app.ts'

/** `GET /v1/models` and `GET /v1/models/:model`: the loaded model, for clients of the OpenAI API. */
const route: FastifyPluginAsync = async (app: TypedApp) => {
  const startedAt = Math.floor(Date.now() / 1000)
  const describe = (id: string) =>
    ({ id, object: 'model' as const, created: startedAt, owned_by: 'sightline' as const })

  app.get('/v1/models', {
    schema: {
      operationId: 'listModels',
      summary: 'The loaded model',
      tags: ['openai'],
      response: { 200: ModelListSchema, ...faultDocs([401, 503], OpenAiErrorSchema) }
    }
  }, async () => ({ object: 'list' as const, data: [describe(loadedModel(app.model).model)] }))

  app.get('/v1/models/:model', {
    schema: {
      operationId: 'getModel',
      summary: 'The loaded model, by its name',
      tags: ['openai'],
      params: Type.Object({ model: Type.String() }),
      response: { 200: ModelSchema, ...faultDocs([401, 404, 503], OpenAiErrorSchema) }
    }
  }, async request => {
    const { model } = loadedModel(app.model)
    assertModel(request.params.model, model)
    return describe(model)
  })
}

export default route
