import type * as api from './openapi.gen.ts'

// Named in openapi.json, from which the types are generated.
export type ChatDone = api.ChatDone
export type Receipt = api.Receipt
export type Box = api.Box
export type Point = api.Point
export type Status = api.Status
export type ErrorBody = api.Error
