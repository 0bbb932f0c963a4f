import path from 'node:path'
import { GgufInsights, type Llama } from 'node-llama-cpp'
import type { Config } from '../../config/config.ts'
import { findFile, presetOf } from '../../services/models/files.ts'
import {
  mismatch, mostTokens, readModelHeader, readProjectorHeader, visionInfo, type ModelHeader, type ProjectorHeader
} from '../../services/models/headers.ts'
import { cardOf, planMemory } from '../../services/models/memory.ts'
import { projectorBeside } from '../../services/models/projector-beside.ts'
import { memoryNeeds } from '../../services/models/requirements.ts'
import { gigabytes, planTable, table } from '../../services/models/table.ts'
import { assertWhole, partsOf } from '../../services/models/verify.ts'
import { CARDS, slotsOf, tabulatedSlots } from './list.ts'
import { withLlama } from './llama.ts'

/**
 * Reads the headers of a model's files, and tells whether they belong together and what memory they take.
 * @throws Error when they cannot be served
 */
export async function checkModel (name: string, config: Config): Promise<string> {
  const preset = presetOf(name)
  const modelPath = await findFile(preset?.model ?? name, config.modelsDir)
  if (modelPath === null) {
    throw new Error(`${name} is not on the disk (MODELS_DIR=${config.modelsDir}): models pull ${name}`)
  }
  // The setting is for the model of the settings.
  const named = (name === config.model && config.mmproj) || preset?.mmproj
  const projectorPath = named ? await findFile(named, config.modelsDir) : await projectorBeside(modelPath)
  if (named && projectorPath === null) {
    throw new Error(`The projector ${named} is not on the disk (MODELS_DIR=${config.modelsDir})`)
  }
  return await withLlama(async llama => {
    const model = await readModelHeader(modelPath)
    const projector = projectorPath === null ? null : await readProjectorHeader(projectorPath)
    return `${await describeFiles(
      llama, model, projector, config
    )}\n\n${await describeMemory(llama, model, projector, config)}`
  })
}

async function describeFiles (
  llama: Llama, model: ModelHeader, projector: ProjectorHeader | null, config: Config
): Promise<string> {
  const fault = projector === null ? null : mismatch(model, projector)
  if (fault) throw new Error(fault)
  if (!(await GgufInsights.from(model.info, llama)).isSupportedByLlamaCpp) {
    throw new Error(`${path.basename(model.file)}: this llama.cpp does not know the architecture ${model.architecture}`)
  }
  if (!model.hasChatTemplate) {
    throw new Error(`${path.basename(model.file)} has no chat template: it is not made for conversations`)
  }
  let size = 0
  for (const part of partsOf(model.file)) size += await assertWhole(part, llama)
  const rows = [[
    'model',
    `${path.basename(model.file)}, ${gigabytes(size)}, ${model.architecture}, made for ${model.trainContext} tokens`
  ]]
  if (projector === null) return table([...rows, ['projector', 'none: it answers text only']])
  await assertWhole(projector.file, llama)
  const vision = visionInfo(projector, config)
  return table([
    ...rows,
    ['projector', `${path.basename(projector.file)}, ${gigabytes(projector.bytes)}, ${projector.type}`],
    ['together', `they belong to each other: embeddings ${model.width} wide${model.deepstack > 0
      ? `, ${model.deepstack} layers of detail`
      : ''}`],
    ['pictures', `sides are multiples of ${vision.multiple} pixels, ${vision.minTokens} to ${mostTokens(
      vision, config.maxPixels
    )} tokens each`]
  ])
}

async function describeMemory (
  llama: Llama, model: ModelHeader, projector: ProjectorHeader | null, config: Config
): Promise<string> {
  const needs = await memoryNeeds(llama, model, projector, config)
  const options = {
    contextSize: Math.min(config.contextSize, model.trainContext || config.contextSize),
    imageCache: config.imageCacheMb * 1024 ** 2
  }
  const cards = CARDS.map(gib => slotsOf(planMemory(needs, cardOf(gib), { ...options, slots: 'auto' })))
  return `${planTable(planMemory(needs, cardOf(0), { ...options, slots: tabulatedSlots(config) }))}

Slots that MAX_CONCURRENT_REQUESTS=auto takes on an empty card:
${table([CARDS.map(gib => `${gib} GB`), cards], CARDS.map((_, column) => column))}`
}
