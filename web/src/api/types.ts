import type * as api from './openapi.gen.ts'

// The types are generated from the OpenAPI document; these are its names.
export type ChatDone = api.ChatDone
export type Receipt = api.Receipt
export type Box = api.Box
export type Point = api.Point
export type Status = api.Status
export type ErrorBody = api.Error
