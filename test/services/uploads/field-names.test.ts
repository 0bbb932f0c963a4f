import t from 'tap'
import { isChatField } from '../../../services/chat/unknown-field.ts'
import { parseFieldName } from '../../../services/uploads/field-names.ts'

t.test('names of lists and members are read as clients write them', async t => {
  const cases: Array<[name: string, place: object | null, client: string]> = [
    ['message', { field: 'message' }, 'all'],
    ['images[]', { field: 'images', index: null }, 'PHP, Rails, axios'],
    ['images[0]', { field: 'images', index: 0 }, 'axios with indexes, qs'],
    ['images[12]', { field: 'images', index: 12 }, 'qs'],
    ['images.3', { field: 'images', index: 3 }, 'axios with dots'],
    ['stop[]', { field: 'stop', index: null }, 'jQuery'],
    ['history{}', { field: 'history' }, 'axios, for JSON'],
    ['response_format{}', { field: 'response_format' }, 'axios, for JSON'],
    ['history[2]', { field: 'history', index: 2 }, 'qs'],
    ['history[0][role]', { field: 'history', index: 0, member: 'role' }, 'axios'],
    ['history[0].content', { field: 'history', index: 0, member: 'content' }, '.NET'],
    ['history[0][images][]', { field: 'history', index: 0, member: 'images', memberIndex: null }, 'axios'],
    ['history[0][images][1]', { field: 'history', index: 0, member: 'images', memberIndex: 1 }, 'qs'],
    ['history[][role]', { field: 'history', index: null, member: 'role' }, 'Rails, jQuery'],
    ['history[0][name]', null, 'no member of a turn'],
    ['history[0][role][0]', null, 'no list'],
    ['images[a]', null, 'no number'],
    ['images[99999]', null, 'too large a number'],
    ['images[0', null, 'no end'],
    ['message[]', null, 'no list'],
    ['max_tokens[0]', null, 'no list'],
    ['response_format[type]', null, 'a schema has numbers and lists that a form cannot tell apart'],
    ['image', null, 'unknown'],
    ['', null, 'unknown'],
    ['toString', null, 'unknown'],
    ['toString[]', null, 'unknown'],
    ['[0]', null, 'unknown']
  ]
  for (const [name, place, client] of cases) {
    t.strictSame(parseFieldName(name, isChatField), place && { name, ...place }, `${name}: ${client}`)
  }
})
