import DOMPurify from 'dompurify'
import temml from 'temml'
import 'temml/dist/Temml-Local.css'
import '../styles/formulas.css'

/** Longer ones are shown as they are: macros could make pages of them. */
const LONGEST = 5_000
const MAX_EXPANSIONS = 500
const MAX_SIZE_EM = 50

/** @returns false when it is no TeX; the element is empty then */
export function typeset (host: HTMLElement, tex: string, isDisplay: boolean): boolean {
  host.replaceChildren()
  if (tex.length > LONGEST) return false
  try {
    // Elements, not HTML: styles are set through the DOM, which the content security policy permits.
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
  // A second lock: links and scripts cannot come out of Temml as it is set here.
  DOMPurify.sanitize(math, {
    IN_PLACE: true, USE_PROFILES: { mathMl: true }, ADD_ATTR: ['class', 'style'], FORBID_ATTR: ['href', 'xlink:href']
  })
  return true
}
