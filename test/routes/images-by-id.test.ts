import { createHash } from 'node:crypto'
import sharp from 'sharp'
import t from 'tap'
import { ask, askJson, createForm, createTestEngine, drawShape, post, startService } from '../helper.ts'

const engine = await createTestEngine(t)
const service = await startService(t, {}, engine)
const green = await drawShape('square', 'green', 'black')
const red = await drawShape('circle', 'red', 'white')
const blue = await drawShape('square', 'blue', 'yellow')
const tall = await sharp({ create: { width: 560, height: 840, channels: 3, background: 'white' } }).png().toBuffer()
const idOf = async (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`
const dataUri = (data: Buffer) => `data:image/png;base64,${data.toString('base64')}`

t.test('a refusal names expired images, and with them sent again the answer is the same as from the cache', async t => {
  const forgetful = await startService(t, { IMAGE_CACHE_MB: '0' })
  const ids = (await ask(forgetful.url, { message: 'Hi' }, [red, blue])).body.images.map(image => image.id)
  const history = [
    { role: 'user', content: 'What is in the picture?', images: [ids[0]] },
    { role: 'assistant', content: 'A red circle on a white background.' },
    { role: 'user', content: 'Describe the images.', images: [ids[1], ids[0]] },
    {
      role: 'assistant',
      content: 'Picture 1: a blue square on a yellow background. Picture 2: a red circle on a white background.'
    }
  ]
  const fields = { message: 'Describe the images.', history: JSON.stringify(history) }
  const gone = await ask(forgetful.url, fields)
  t.equal(gone.status, 410)
  t.match(gone.body, { code: 'IMAGE_EXPIRED', ids })
  t.equal((gone.body.ids as string[]).length, 2, 'each id appears once')
  t.same((await ask(forgetful.url, fields, [], [red])).body.ids, [ids[1]], 'an image sent again is not reported')

  await ask(service.url, { message: 'Hi' }, [red, blue])
  const cached = (await ask(service.url, fields)).body
  const again = (await ask(forgetful.url, fields, [], [blue, red])).body
  const json =
    (await askJson(forgetful.url, { message: fields.message, history, history_images: [red, blue].map(dataUri) })).body
  for (const [name, body] of Object.entries({ again, json })) {
    t.equal(body.response, cached.response, name)
    t.same([body.usage.prompt_tokens, body.usage.image_tokens], [cached.usage.prompt_tokens, 3 * 25], name)
  }
  t.same(again.images.map(image => image.id), [ids[1], ids[0]], 'receipts have the order of the upload')
  t.same(json.images.map(image => image.id), ids)

  const both = (await ask(forgetful.url, { ...fields, message: 'What is in the picture?' }, [green], [red, blue])).body
  t.same(both.images.map(image => image.id).slice(1), ids, 'receipts of the history follow those of the question')
  t.equal(
    both.response, (await ask(service.url, { ...fields, message: 'What is in the picture?' }, [green])).body.response
  )
  const stranger = {
    status: 400,
    body: { code: 'INVALID_FIELD', field: 'history_images[1]', error: /must be an image that "history" names/ }
  }
  t.match(await ask(forgetful.url, fields, [], [red, green]), stranger)
  t.match(await askJson(forgetful.url, { message: 'Hi', history, history_images: [red, tall].map(dataUri) }), stranger)
  await forgetful.quiet()
})

t.test('image ids are valid only for the key that sent the image', async t => {
  const locked = await startService(t, { API_KEYS: 'key-of-ann-0123456789,key-of-bob-0123456789' }, engine)
  const askAs = (name: string, fields: Record<string, string>, images: Buffer[] = []) =>
    post(locked.url, {
      body: createForm(fields, images), headers: { authorization: `Bearer key-of-${name}-0123456789` }
    })
  const first = await askAs('ann', { message: 'What is in the picture?' }, [blue])
  const { id } = first.body.images[0]!
  t.match(id, /^sha256:[0-9a-f]{64}$/)
  const followUp = {
    message: 'What is the colour of the background?',
    history: JSON.stringify([
      { role: 'user', content: 'What is in the picture?', images: [id] },
      { role: 'assistant', content: first.body.response }
    ])
  }
  t.equal((await askAs('ann', followUp)).body.response, 'The background is yellow.')

  const bob = await askAs('bob', followUp)
  t.equal(bob.status, 410)
  t.strictSame(bob.body.ids, [id], 'the refusal contains the id as in the request')
  t.equal(
    (await askAs('bob', { message: 'Hi' }, [blue])).body.images[0]!.cached, false,
    'the receipt does not reveal that another key sent the same image'
  )
  t.equal((await askAs('bob', followUp)).body.response, 'The background is yellow.', 'the id is valid after his upload')
  t.equal((await askAs('ann', { message: 'Hi' }, [blue])).body.images[0]!.cached, true)
  await locked.quiet()
})

t.test('a history may be sent as one field per turn, as generated clients do', async t => {
  const { id } = (await ask(service.url, { message: 'Hi' }, [red])).body.images[0]!
  const small =
    Array.from({ length: 60 }, () => [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Yes' }]).flat()
  const history = [
    ...small, { role: 'user', content: 'What is in the picture?', images: [id] },
    { role: 'assistant', content: 'A red circle on a white background.' }
  ]
  const message = 'What is the colour of the background?'
  const fields = (await ask(service.url, { message, history: history.map(turn => JSON.stringify(turn)) })).body
  const list = (await ask(service.url, { message, history: JSON.stringify(history) })).body
  t.equal(fields.response, list.response)
  t.equal(fields.usage.prompt_tokens, list.usage.prompt_tokens)
  t.equal(fields.usage.image_tokens, 25)
  await service.quiet()
})

t.test('an image that is sent twice for the history is one image, with a receipt for each copy', async t => {
  const forgetful = await startService(t, { IMAGE_CACHE_MB: '0' })
  const { id } = (await ask(forgetful.url, { message: 'Hi' }, [red])).body.images[0]!
  const history = [
    { role: 'user', content: 'What is in the picture?', images: [id] },
    { role: 'assistant', content: 'A red circle on a white background.' }
  ]
  const fields = { message: 'What is the colour of the background?', history: JSON.stringify(history) }
  const once = await ask(forgetful.url, fields, [], [red])
  for (const copies of [2, 3]) {
    const again = await ask(forgetful.url, fields, [], Array(copies).fill(red))
    t.equal(again.status, 200, JSON.stringify(again.body))
    t.equal(again.body.response, once.body.response)
    t.match([again.body.usage.prompt_tokens, again.body.usage.image_tokens], [
      once.body.usage.prompt_tokens, once.body.usage.image_tokens
    ])
    t.same(again.body.images, Array(copies).fill(once.body.images[0]))
  }
  const json = await askJson(forgetful.url, {
    ...fields, history, images: [blue, blue].map(dataUri), history_images: [red, red].map(dataUri)
  })
  t.equal(json.status, 200)
  t.same(json.body.images.map(image => image.id), [...await Promise.all([blue, blue].map(idOf)), id, id])
  await forgetful.quiet()
})

t.test('a request names at most 256 different images, a thousand times in all', async t => {
  const idOfNumber = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`
  const named = async (numbers: number[]) => {
    const turns = Array.from({ length: Math.ceil(numbers.length / 64) }, (_, i) =>
      ({ role: 'user', content: 'x', images: numbers.slice(64 * i, 64 * (i + 1)).map(idOfNumber) }))
    return await askJson(service.url, { message: 'Hi', history: turns })
  }
  const different = (count: number) => Array.from({ length: count }, (_, i) => i)
  t.match(await named(different(256)), { status: 410, body: { code: 'IMAGE_EXPIRED' } })
  t.match(await named(different(257)), {
    status: 400,
    body: {
      code: 'INVALID_HISTORY',
      field: 'history',
      limit: 256,
      error: 'Field "history" names 257 different images by id; the limit is 256'
    }
  })
  t.match(await named(Array(1000).fill(1)), { status: 410, body: { code: 'IMAGE_EXPIRED' } })
  t.match(await named(Array(1001).fill(1)), {
    status: 400, body: { code: 'INVALID_HISTORY', limit: 1000, error: /by id 1001 times; the limit is 1000$/ }
  })

  const { model } = engine.info()
  const urls = (numbers: number[]) =>
    numbers.map(i => ({ type: 'image_url', image_url: { url: `sightline:${idOfNumber(i)}` } }))
  const complete = async (numbers: number[]) => {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: urls(numbers) }] })
    const response = await fetch(`${service.url}/v1/chat/completions`, {
      method: 'POST', body, headers: { 'content-type': 'application/json' }
    })
    return { status: response.status, body: await response.json() }
  }
  t.match(await complete(different(256)), { status: 410 })
  t.match(await complete(Array(1000).fill(1)), { status: 410 })
  t.match(await complete(Array(1001).fill(1)), {
    status: 400, body: { error: { code: 'INVALID_FIELD', param: 'messages', limit: 1000 } }
  })
  t.match(await complete(different(257)), {
    status: 400, body: { error: { code: 'INVALID_FIELD', param: 'messages', limit: 256 } }
  })
  await service.quiet()
})
