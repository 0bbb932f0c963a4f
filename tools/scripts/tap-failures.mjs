/**
 * Finds the failures in the TAP output of a test file.
 * @param {string[]} lines
 * @returns {string[]} the `not ok` lines, indented as in the output, each with the place of its assertion if it is
 *   known; or the last lines of the output if it has no such line, as after a crash or a timeout
 */
export function failuresOf (lines) {
  const failures = lines.flatMap((line, index) =>
    /^ *not ok /.test(line) ? [line.replace(/ # time=.*$/, '') + placeOf(lines, index)] : [])
  return failures.length > 0 ? failures : lines.filter(line => line.trim() !== '').slice(-LAST_LINES)
}

const LAST_LINES = 10

/** The place of an assertion, from the diagnostics after its line. */
function placeOf (lines, index) {
  const indent = /^ */.exec(lines[index])[0]
  if (lines[index + 1] !== `${indent}  ---`) return ''
  const diagnostics = lines.slice(index + 2, lines.indexOf(`${indent}  ...`, index))
  const value = name =>
    diagnostics.map(line => line.trim()).find(line => line.startsWith(`${name}: `))?.slice(name.length + 2)
  const [file, line] = [value('fileName'), value('lineNumber')]
  return file && line ? ` (${file}:${line})` : ''
}
