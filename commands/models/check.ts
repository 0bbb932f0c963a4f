import path from 'node:path'
import { GgufInsights, type Llama } from 'node-llama-cpp'
import type { Config } from '../../config/config.ts'
import { findFile, presetOf } from '../../services/models/files.ts'
import { findProjector } from '../../services/models/find-projector.ts'
import {
  mismatch, mostTokens, readModelHeader, readProjectorHeader, visionInfo, type ModelHeader, type ProjectorHeader
} from '../../services/models/headers.ts'
import { doubt } from '../../services/models/model-names.ts'
import { cardOf, planMemory } from '../../services/models/memory.ts'
import { memoryNeeds } from '../../services/models/requirements.ts'
import { gigabytes, planTable, table } from '../../services/models/table.ts'
import { filesOfModel } from '../../services/models/parts.ts'
import { assertComplete } from '../../services/models/verify.ts'
import { CARDS, slotsOf, tabulatedSlots } from './list.ts'
import { withLlama } from './llama.ts'

/**
 * Reads the headers of a model and its projector, and reports whether they match and how much memory they need.
 * @throws Error when the service could not load them
 */
export async function checkModel (name: string, config: Config): Promise<string> {
  const preset = presetOf(name)
  const modelPath = await findFile(preset?.model ?? name, config.modelsDir)
  if (modelPath === null) {
    throw new Error(`${name} is not on the disk (MODELS_DIR=${config.modelsDir}): run models pull ${name}`)
  }
  // MMPROJ belongs to MODEL, not to another model on the command line.
  const named = (name === config.model && config.mmproj) || preset?.mmproj
  const projectorPath = named ? await findFile(named, config.modelsDir) : await findProjector(modelPath)
  if (named && projectorPath === null) {
    throw new Error(`The projector ${named} is not on the disk (MODELS_DIR=${config.modelsDir})`)
  }
  return await withLlama(async llama => {
    const model = await readModelHeader(modelPath)
    const projector = projectorPath === null ? null : await readProjectorHeader(projectorPath)
    const files = await describeFiles(llama, model, projector, config)
    return `${files}\n\n${await describeMemory(llama, model, projector, config)}`
  })
}

async function describeFiles (
  llama: Llama, model: ModelHeader, projector: ProjectorHeader | null, config: Config
): Promise<string> {
  const fault = projector === null ? null : mismatch(model, projector)
  if (fault) throw new Error(fault)
  if (!(await GgufInsights.from(model.info, llama)).isSupportedByLlamaCpp) {
    const file = path.basename(model.file)
    throw new Error(`${file}: this llama.cpp does not support the architecture ${model.architecture}`)
  }
  if (!model.hasChatTemplate) {
    throw new Error(`${path.basename(model.file)} has no chat template: use a model for conversations`)
  }
  let size = 0
  for (const part of filesOfModel(model.file)) size += await assertComplete(part, llama)
  const { recurrent, experts } = model
  const rows = [[
    'model',
    `${path.basename(model.file)}, ${gigabytes(size)}, ${model.architecture}, trained for ${model.trainContext} tokens`
  ]]
  if (recurrent) rows.push(['layers', `${model.layers}, of which ${recurrent.layers} are recurrent`])
  if (experts) rows.push(['experts', `${experts.count}, of which ${experts.used} compute each token`])
  if (projector === null) return table([...rows, ['projector', 'none: the model answers text only']])
  await assertComplete(projector.file, llama)
  const vision = visionInfo(projector, config)
  const question = doubt(model, projector)
  const deepstack = model.deepstack > 0 ? `, ${model.deepstack} deepstack layers` : ''
  const shape = `embeddings of width ${model.width}${deepstack}`
  const tokens = `${vision.minTokens} to ${mostTokens(vision, config.maxPixels)} tokens each`
  return table([
    ...rows,
    ['projector', `${path.basename(projector.file)}, ${gigabytes(projector.bytes)}, ${projector.type}`],
    ['match', question === null ? `yes: ${shape}` : `by shape only (${shape}). ${question}`],
    ['images', `sides are multiples of ${vision.multiple} pixels, ${tokens}`]
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

Slots with MAX_CONCURRENT_REQUESTS=auto on an unused GPU:
${table([CARDS.map(gib => `${gib} GB`), cards], CARDS.map((_, column) => column))}`
}
