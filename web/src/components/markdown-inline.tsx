import type { Token, Tokens } from 'marked'
import { decodeEntities } from '../text/entities.ts'
import type { FormulaToken } from '../text/formula-rules.ts'
import { safeAddress } from '../text/links.ts'
import type { Marker } from '../text/marks.ts'
import { Formula } from './formula.tsx'
import { MarkedText } from './text-mark.tsx'

export interface InlineProps {
  tokens: Token[] | undefined
  /** Null inside links, which have their own meaning. */
  marker: Marker | null
}

export function Inline ({ tokens = [], marker }: InlineProps) {
  return <>{tokens.map((token, i) => <InlineToken key={i} token={token} marker={marker} />)}</>
}

function InlineToken ({ token, marker }: { token: Token, marker: Marker | null }) {
  switch (token.type) {
    case 'text':
      return token.tokens === undefined
        ? <MarkedText text={decodeEntities(token.text)} marker={marker} />
        : <Inline tokens={token.tokens} marker={marker} />
    case 'escape': return <>{token.text}</>
    case 'strong': return <strong><Inline tokens={token.tokens} marker={marker} /></strong>
    case 'em': return <em><Inline tokens={token.tokens} marker={marker} /></em>
    case 'del': return <del><Inline tokens={token.tokens} marker={marker} /></del>
    case 'codespan': return <code><MarkedText text={token.text} marker={marker} /></code>
    case 'br': return <br />
    case 'link': return <Link link={token as Tokens.Link} marker={marker} />
    case 'image': return <Image image={token as Tokens.Image} />
    case 'formula': return <Formula formula={token as FormulaToken} />
    case 'checkbox': return null
    default: return <>{token.raw}</>
  }
}

function Link ({ link: { href, autolink, title, tokens }, marker }: { link: Tokens.Link, marker: Marker | null }) {
  const address = safeAddress(autolink ? href : decodeEntities(href))
  if (address === null) return <Inline tokens={tokens} marker={marker} />
  return (
    <a href={address} title={title ?? undefined} target='_blank' rel='noopener noreferrer'>
      <Inline tokens={tokens} marker={null} />
    </a>
  )
}

/** A link instead of the image. Loading it could send parts of the conversation to a third party in the URL. */
function Image ({ image: { href, text } }: { image: Tokens.Image }) {
  const address = safeAddress(decodeEntities(href))
  const words = decodeEntities(text)
  if (address === null) return <>{words}</>
  return <a href={address} target='_blank' rel='noopener noreferrer'>{words || address}</a>
}
