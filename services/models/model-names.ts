import path from 'node:path'

/** A file and its name in the header. */
interface Named { file: string, name: string }

/** Returns the version in a name such as `Qwen2.5-VL-7B`, without its point or underscore (`25`), or null. */
export function versionOf (name: string): string | null {
  return /qwen(\d(?:[._]?\d)?)(?![\d.]*\d|b)/i.exec(name)?.[1]!.replace(/[._]/, '') ?? null
}

/** Returns the number of parameters in a name such as `Qwen3.6-35B-A3B`, in lower case (`35b-a3b`), or null. */
export function sizeOf (name: string): string | null {
  return /(?<![a-z0-9.])\d+(?:\.\d+)?b(?:-a\d+(?:\.\d+)?b)?(?![a-z0-9])/i.exec(name)?.[0].toLowerCase() ?? null
}

/**
 * Returns why a projector that matches by its shape may still belong to another model, or null. Qwen3.6-27B and
 * Qwen3.8-27B have one shape, and the projectors of Qwen3.5-2B and Qwen3.6-35B-A3B give embeddings of one width.
 */
export function doubt (model: Named, projector: Named): string | null {
  for (const property of [versionOf, sizeOf]) {
    // A name in the header says more than the name of a file.
    const [own, other] = [model, projector].map(({ name, file }) =>
      [name, path.basename(file)].find(text => property(text) !== null))
    if (own === undefined || other === undefined || property(own) === property(other)) continue
    return `The projector ${path.basename(projector.file)} does not belong to the model ${path.basename(model.file)} ` +
      `by their names: it is named ${other}, the model ${own}`
  }
  return null
}
