import path from 'node:path'

/** Names as they occur on the hub: `mmproj-F16.gguf`, `X.mmproj-Q8_0.gguf`, `X-mmproj-bf16.gguf`, also in folders. */
const PROJECTOR_NAME = /mmproj.*\.gguf$/i
/** A name that node-llama-cpp gave to a download: `hf_<owner>_<repository>_<file>`. */
const DOWNLOADED = /^hf_([^_]+)_([^_]+)/
/** The precision of the weights, as a word of its own: `Q8_0`, `fp16`, `UD-Q4_K_XL`. */
const PRECISION =
  /(?<![a-z0-9])(?:ud-)?(?:b?f16|fp16|fp?32|(?:mx|nv)fp4|(?:i|t)?q\d(?:_(?:[01ksml]|nl|xx?s|xl))*)(?![a-z0-9])/gi
/** A vision tower loses little accuracy with 8 bits and needs half of the memory. */
const PREFERRED = ['q8_0', 'f16', 'bf16', 'f32']
/** Words that do not tell to which model a projector belongs. */
const GENERIC = new Set(['hf', 'gguf', 'mmproj', 'model', 'vision', 'clip', 'projector'])

/** Returns whether a file is a projector by its name. */
export function isProjectorName (name: string): boolean {
  return PROJECTOR_NAME.test(name)
}

/** Returns whether two files are downloads, but of different repositories. */
export function areOfOtherRepositories (model: string, projector: string): boolean {
  const [own, other] = [DOWNLOADED.exec(model), DOWNLOADED.exec(projector)]
  if (own === null || other === null) return false
  // node-llama-cpp omits the repository from the name of a model that has the same name.
  const words = wordsOf(model)
  return own[1] !== other[1] || [...wordsOf(other[2]!)].some(word => !words.has(word))
}

export function isDownload (name: string): boolean {
  return DOWNLOADED.test(name)
}

/**
 * Returns the projectors whose names are closest to the name of the model, the preferred precision first. Names are
 * close if they have few words that the model's lacks, and then many words in common.
 * @param model name or path of the model
 */
export function closestProjectors (model: string, names: readonly string[]): string[] {
  const words = wordsOf(model)
  const distance = (name: string) => {
    const own = [...wordsOf(name)]
    const shared = own.filter(word => words.has(word)).length
    return { name, foreign: own.length - shared, shared }
  }
  const ranked = names.map(distance).sort((a, b) =>
    a.foreign - b.foreign || b.shared - a.shared || rankOf(a.name) - rankOf(b.name))
  const [best] = ranked
  return ranked.filter(({ foreign, shared }) => foreign === best!.foreign && shared === best!.shared)
    .map(({ name }) => name)
}

/** Returns whether the names differ in nothing but the precision, so that they are the same projector. */
export function areSameProjector (names: readonly string[]): boolean {
  return new Set(names.map(name => [...wordsOf(name)].sort().join(' '))).size === 1
}

/** Returns the words of a path without its precision, in lower case. A version such as `3.5` is part of its word. */
function wordsOf (name: string): Set<string> {
  const words = name.replace(PRECISION, '-').toLowerCase().match(/[a-z0-9]+(?:\.\d+[a-z0-9]*)*/g) ?? []
  return new Set(words.filter(word => !GENERIC.has(word)))
}

function rankOf (name: string): number {
  const found = [...path.basename(name).matchAll(PRECISION), ...name.matchAll(PRECISION)][0]
  // Files of unknown precision come next, and last those with less than 8 bits.
  if (found === undefined) return PREFERRED.length
  const precision = found[0].toLowerCase().replace('fp', 'f').replace(/^q8$/, 'q8_0')
  const rank = PREFERRED.indexOf(precision)
  return rank < 0 ? PREFERRED.length + 1 : rank
}
