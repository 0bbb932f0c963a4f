import { Type } from 'typebox'

export const HealthSchema = Type.Object({
  status: Type.String({ description: 'ok, ready, or the state of the model' }),
  reason: Type.Optional(Type.String({ description: 'The reason why the service cannot answer' }))
}, { title: 'Health' })
