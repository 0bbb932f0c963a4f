import t from 'tap'
import { PartHeads } from '../../../services/uploads/part-heads.ts'

const field = (name: string, body = 'x') => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${body}\r\n`
const END = '--b--\r\n'

/** The sentence of the refusal, whichever way the form is cut into two or many chunks; null if it is accepted. */
function faultOf (form: string, size: number, type = 'multipart/form-data; boundary=b'): string | null {
  const heads = new PartHeads(type)
  const bytes = Buffer.from(form, 'latin1')
  try {
    for (let at = 0; at < bytes.length; at += size) heads.push(bytes.subarray(at, at + size))
    return null
  } catch (error) {
    return (error as Error).message
  }
}

t.test('parts without Content-Disposition: form-data are found, wherever the body is cut', async t => {
  const cases: Array<[name: string, form: string, part: number | null]> = [
    ['two fields', field('a') + field('b') + END, null],
    ['an empty body', field('a', '') + END, null],
    ['a preamble and an epilogue', `hello\r\n${field('a')}${END}--b\r\n\r\nx`, null],
    ['a text that looks like a delimiter', field('a', '\r\n--bc\r\n\r\n --b\r\n\r\n--b') + END, null],
    ['blanks behind a delimiter', field('a').replace('--b\r', '--b  \r') + END, null],
    ['another order and case', '--b\r\nX: y\r\ncontent-disposition:form-data; name=a\r\n\r\nx\r\n' + END, null],
    ['no header', `${field('a')}--b\r\n\r\nx\r\n${END}`, 2],
    ['another header', `--b\r\nContent-Type: image/png\r\n\r\nx\r\n${field('a')}${END}`, 1],
    ['an attachment', `${field('a')}${field('a')}--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n${END}`, 3],
    ['form-data in the body alone', `--b\r\nX: y\r\n\r\nContent-Disposition: form-data\r\n${END}`, 1]
  ]
  for (const [name, form, part] of cases) {
    for (const size of [1, 2, 3, 7, 1000]) {
      const fault = faultOf(form, size)
      if (part === null) t.equal(fault, null, `${name}, ${size}`)
      else t.match(fault, new RegExp(`part ${part} has no header`), `${name}, ${size}`)
    }
  }
})

t.test('a boundary may be quoted; without one the parser refuses the form itself', async t => {
  const form = '--b\r\n\r\nx\r\n--b--\r\n'
  t.match(faultOf(form, 9, 'multipart/form-data; charset=utf-8; boundary="b"'), /part 1/)
  t.match(faultOf(form, 9, 'Multipart/Form-Data;BOUNDARY=b; x=y'), /part 1/)
  for (const type of ['multipart/form-data', '']) t.equal(faultOf(form, 9, type), null)
})
