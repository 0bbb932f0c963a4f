import { accessSync, constants, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { renderHtml } from './report-html.ts'
import type { Report } from './report.ts'

/** The part of a report that a comparison reads. */
const ReportSchema = Type.Object({
  sightline_evaluation: Type.Literal(1),
  setup: Type.Object({}),
  examples: Type.Array(Type.Object({
    id: Type.String(),
    task: Type.String(),
    right: Type.Boolean(),
    turns: Type.Array(Type.Object({ answer: Type.Union([Type.Object({ response: Type.String() }), Type.Null()]) }))
  }))
})

/**
 * Checks that a report can be written, before an evaluation that may take hours.
 * @throws Error that names the file and the reason
 */
export function assertWritable (file: string): void {
  const folder = path.dirname(path.resolve(file))
  try {
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`)
    accessSync(statSync(file, { throwIfNoEntry: false }) ? file : folder, constants.W_OK)
  } catch (error) {
    throw new Error(`The report ${file} cannot be written: ${(error as Error).message}`)
  }
}

/** Writes a page for people if the name ends in .html, JSON otherwise. */
export function writeReport (file: string, report: Report): void {
  writeFileSync(file, path.extname(file) === '.html'
    ? renderHtml(report, path.dirname(path.resolve(file)))
    : `${JSON.stringify(report, null, 2)}\n`)
}

/** @throws Error that names the file, when it cannot be read or is not a report */
export function readReport (file: string): Report {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`The report ${file} cannot be read: ${(error as Error).message}`)
  }
  if (!Value.Check(ReportSchema, content)) throw new Error(`${file} is not a report of this command`)
  return content as unknown as Report
}
