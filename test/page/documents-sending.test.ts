import t from 'tap'
import { newQuestion, type Conversation, type StoredImage } from '../../web/src/model/conversation.ts'
import { formOf } from '../../web/src/model/form.ts'
import { readPageList, writePageList } from '../../web/src/model/page-list.ts'

const PDF = 'application/pdf'
const blobs = new Map([['doc', new Blob(['%PDF-1.7 one'], { type: PDF })]])

function pageImage (number: number, document = 'doc'): StoredImage {
  return {
    key: `${document}-${number}`,
    name: `a.pdf, page ${number}`,
    type: PDF,
    bytes: 12,
    width: null,
    height: null,
    id: `sha256:${document}${number}`,
    page: { document, file: 'a.pdf', number, of: 9 }
  }
}

function conversationOf (...pictures: StoredImage[]): Conversation {
  return {
    id: 'c', title: 'Pages', turns: [{ ...newQuestion('What?', pictures), pictures }], createdAt: 0, updatedAt: 0
  }
}

const bytesOf = async (key: string) => blobs.get(key) ?? null

t.test('lists of pages', async t => {
  for (const [text, pages] of [['7, 1-3', [7, 1, 2, 3]], ['2-2,2', [2]], [' 3 ', [3]], ['1，2、4', [1, 2, 4]]] as const) {
    t.same(readPageList(text), pages, text)
  }
  for (const text of ['', '3-1', '0', 'a', '1,', '1-', '-1', '1.5', '100000']) t.equal(readPageList(text), null, text)
  for (const [pages, text] of [[[1, 2, 3, 7], '1-3,7'], [[3, 2, 1], '3,2,1'], [[5], '5'], [[], '']] as const) {
    t.equal(writePageList(pages), text)
  }
})

t.test('a document that the service lost is sent once for all its pages', async t => {
  const before = conversationOf(pageImage(2), pageImage(5), pageImage(1, 'gone')).turns
  const answer = {
    id: 'a',
    role: 'assistant',
    text: 'Pages.',
    at: 0,
    state: 'done',
    format: { type: 'text' },
    failure: null,
    receipts: [],
    done: null
  } as const
  const form = await formOf({
    question: newQuestion('And now?', [pageImage(3), pageImage(4), pageImage(9)]),
    before: [...before, answer as never],
    resend: new Set(['sha256:doc2', 'sha256:doc5']),
    settings: { system: '', sampling: {} as never, stop: [], thinking: { isOn: false, tokens: null } },
    format: { type: 'text' },
    ability: { mode: 'never', maxTokens: 0, isDefault: false },
    bytesOf
  })
  t.equal(form.getAll('history_images').length, 1)
  t.equal((form.get('history_images') as File).name, 'a.pdf')
  t.equal(form.getAll('images').length, 1)
  t.equal(form.get('pages'), '["3-4,9"]')
})
