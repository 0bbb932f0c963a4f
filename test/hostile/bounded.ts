import type { Test } from 'tap'
import type { SightlineError } from '../../errors/catalogue.ts'
import { inspectImage, type ImageHeader } from '../../services/images/inspect.ts'
import { store } from '../services/images/draw.ts'

export const MIB = 1024 * 1024

/** Inspects a file with the label `a` and a limit of 4 million pixels. */
export async function inspect (t: Test, bytes: Buffer): Promise<ImageHeader> {
  const file = await store(t.testdir(), 'a', bytes)
  return await inspectImage({ ...file, label: 'a' }, { maxInputPixels: 4_000_000 })
}

/**
 * Checks a limit: the file at the limit is accepted, and the next one is refused.
 * @param make creates a file with a number of parts
 * @param sentence the fault in the error message
 */
export async function bounded (
  t: Test, make: (count: number) => Buffer, most: number, sentence: string
): Promise<void> {
  t.ok(await inspect(t, make(most)), `${most} are accepted`)
  await refused(t, make(most + 1), sentence)
}

/** Checks a limit above a limit of the decoder: the decoder refuses the file at the limit. */
export async function boundedBefore (
  t: Test, make: (count: number) => Buffer, most: number, sentence: string, fault = 'its header is truncated or damaged'
): Promise<void> {
  const error = await inspect(t, make(most)).then(() => null, (error: SightlineError) => error)
  t.ok(error?.message.endsWith(`: ${fault}`), `the decoder refuses ${most}: ${error?.message}`)
  await refused(t, make(most + 1), sentence)
}

/** Checks that a file is refused with this fault, in English and in Chinese. */
export async function refused (t: Test, bytes: Buffer, sentence: string): Promise<void> {
  const error = await inspect(t, bytes).then(() => null, (error: SightlineError) => error)
  t.match(error, { code: 'CORRUPT_IMAGE', statusCode: 422, message: `a cannot be decoded: ${sentence}` })
  const [limit] = /\d+/.exec(sentence)!
  t.match(error?.sentence('zh'), new RegExp(`[\\u4e00-\\u9fff].*${limit}`), 'the Chinese sentence contains the limit')
}
