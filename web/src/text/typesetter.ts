import DOMPurify from 'dompurify'
import temml from 'temml'
import 'temml/dist/Temml-Local.css'
import '../styles/formulas.css'

/** Longer formulas are shown as source, because macros could expand them to pages. */
const LONGEST = 5_000
const MAX_EXPANSIONS = 500
const MAX_SIZE_EM = 50

/**
 * Typesets a formula in an element.
 * @returns false when the text is not valid TeX; the element is empty then
 */
export function typeset (host: HTMLElement, tex: string, isDisplay: boolean): boolean {
  host.replaceChildren()
  if (tex.length > LONGEST) return false
  try {
    // Temml creates elements and sets styles through the DOM, which the content security policy permits.
    temml.render(tex, host, {
      displayMode: isDisplay,
      throwOnError: true,
      trust: false,
      maxExpand: MAX_EXPANSIONS,
      maxSize: [MAX_SIZE_EM, MAX_SIZE_EM],
      annotate: false
    })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    host.replaceChildren()
    return false
  }
  const math = host.firstElementChild
  if (math === null) return false
  // Defence in depth: with these options Temml emits no links or scripts.
  DOMPurify.sanitize(math, {
    IN_PLACE: true, USE_PROFILES: { mathMl: true }, ADD_ATTR: ['class', 'style'], FORBID_ATTR: ['href', 'xlink:href']
  })
  return true
}
