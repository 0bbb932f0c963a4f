/** The images of the page's samples for the embedded model, and the examples that they are copies of. */
export const DEMO_SAMPLES = {
  'shapes-1.png': '31.png', 'shapes-2.png': '03.png', 'shapes-3.png': '36.png', 'word.jpg': '33.jpg'
}

type Time = 'morning' | 'evening'

/** Both scenes show the same street. They differ in the sky, the lamp, the awning, the car, the bicycle and the cat. */
export function drawStreet (time: Time): string {
  const isMorning = time === 'morning'
  return `<svg xmlns="http://www.w3.org/2000/svg" width="560" height="400" font-family="DejaVu Sans"
    font-weight="bold"><rect width="560" height="400" fill="${isMorning ? '#bfe3f5' : '#2f3f66'}"/>
    <circle cx="${isMorning ? 70 : 300}" cy="52" r="26" fill="${isMorning ? '#ffd34d' : '#f3efd9'}"/>
    ${house(40, 120, 170, '#e8b98a', '#a4533a')}
    ${house(350, 100, 170, '#a9c3a0', '#4a6a55')}
    ${windows(60, 150, isMorning)}${windows(370, 132, isMorning)}
    ${shop(isMorning)}
    <rect x="415" y="240" width="44" height="70" fill="#7a4a2b"/><circle cx="450" cy="277" r="3" fill="#f0d080"/>
    <rect x="270" y="220" width="14" height="90" fill="#7a4a2b"/><circle cx="277" cy="195" r="46" fill="#3f8f4f"/>
    <rect y="310" width="560" height="14" fill="#c9c6bd"/><rect y="324" width="560" height="76" fill="#5a5f66"/>
    ${[20, 130, 240, 350, 460].map(x => `<rect x="${x}" y="358" width="60" height="6" fill="#f1efe6"/>`).join('')}
    ${lamp(isMorning)}
    ${isMorning ? car(330, '#cc3b33') : car(60, '#e0b52e')}
    ${isMorning ? bicycle(70) : cat(368)}
  </svg>`
}

function house (x: number, y: number, width: number, wall: string, roof: string): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${310 - y}" fill="${wall}"/>
    <path d="M${x - 12} ${y}L${x + width / 2} ${y - 56}L${x + width + 12} ${y}z" fill="${roof}"/>`
}

function windows (x: number, y: number, isMorning: boolean): string {
  const glass = isMorning ? '#eaf6fb' : '#ffd97a'
  return [0, 90].map(by =>
    `<rect x="${x + by}" y="${y}" width="40" height="46" fill="#fff"/>
     <rect x="${x + by + 5}" y="${y + 5}" width="30" height="36" fill="${glass}"/>`).join('')
}

function shop (isOpen: boolean): string {
  const awning = isOpen
    ? `<path d="M56 222h138l12 26H44z" fill="#2e7d8c"/>
      <path d="M90 222h34l3 26H84zM160 222h34l12 26h-40z" fill="#fff"/>`
    : '<rect x="56" y="222" width="138" height="10" fill="#2e7d8c"/>'
  return `<rect x="60" y="236" width="130" height="74" fill="#efe3cc"/>
    <rect x="140" y="240" width="38" height="70" fill="#8c5a3a"/>${awning}
    <rect x="67" y="254" width="68" height="26" fill="${isOpen ? '#fff' : '#444a52'}"/>
    <text x="101" y="273" font-size="14" text-anchor="middle" fill="${isOpen ? '#2b6b2f' : '#f1efe6'}">
      ${isOpen ? 'OPEN' : 'CLOSED'}</text>`.replace(/>\s+(\w+)\s*</g, '>$1<')
}

function lamp (isMorning: boolean): string {
  return `${isMorning ? '' : '<circle cx="238" cy="168" r="26" fill="#6f6a4a"/>'}
    <rect x="235" y="170" width="6" height="142" fill="#33383d"/>
    <circle cx="238" cy="166" r="12" fill="${isMorning ? '#dfe3e6' : '#ffe28a'}" stroke="#33383d" stroke-width="4"/>`
}

function car (x: number, colour: string): string {
  return `<path d="M${x + 30} 318l22-28h62l26 28z" fill="${colour}"/>
    <path d="M${x + 42} 317l14-20h24v20zM${x + 86} 317v-20h24l16 20z" fill="#dff0f7"/>
    <rect x="${x}" y="316" width="164" height="36" rx="10" fill="${colour}"/>
    ${[36, 128].map(by => `<circle cx="${x + by}" cy="352" r="17" fill="#22262a"/>
      <circle cx="${x + by}" cy="352" r="7" fill="#c9c6bd"/>`).join('')}`
}

function bicycle (x: number): string {
  return `<g fill="none" stroke="#22262a" stroke-width="4">
    <circle cx="${x}" cy="330" r="20"/><circle cx="${x + 62}" cy="330" r="20"/></g>
    <path d="M${x} 330l22-30h34l6 30M${x + 22} 300l12 30h-34M${x + 34} 330l22-30M${x + 56} 300l-4-14h12
      M${x + 14} 296h16" fill="none" stroke="#d9542b" stroke-width="5"/>`
}

function cat (x: number): string {
  return `<path d="M${x} 310c-6-18 2-34 16-34s24 14 20 34z" fill="#2b2b2e"/>
    <circle cx="${x + 14}" cy="268" r="12" fill="#2b2b2e"/>
    <path d="M${x + 3} 262v-16l10 9zM${x + 15} 255l10-9v16z" fill="#2b2b2e"/>
    <path d="M${x + 34} 306q18 2 16-20" fill="none" stroke="#2b2b2e" stroke-width="5"/>
    <circle cx="${x + 10}" cy="267" r="2" fill="#f3d34a"/><circle cx="${x + 18}" cy="267" r="2" fill="#f3d34a"/>`
}

const ITEMS: Array<[name: string, quantity: number, price: number]> =
  [['Brake cable', 2, 7.5], ['Chain, 114 links', 1, 24], ['Inner tube 28"', 3, 6.8], ['Labour, half hours', 2, 32]]
const TAX_PERCENT = 20

export function drawInvoice (): string {
  const sum = ITEMS.reduce((total, [, quantity, price]) => total + quantity * price, 0)
  const tax = sum * TAX_PERCENT / 100
  const line = (y: number, ...cells: Array<string | number>) => cells.map((cell, i) => {
    const text = typeof cell === 'number' ? cell.toFixed(2) : cell
    return `<text x="${[40, 290, 370, 456][i]}" y="${y}" text-anchor="${i === 0 ? 'start' : 'end'}">${text}</text>`
  }).join('')
  const rule = (y: number) => `<rect x="40" y="${y}" width="416" height="1" fill="#333"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="496" height="620" font-family="DejaVu Sans" font-size="15"
    fill="#222"><rect width="496" height="620" fill="#fff"/><rect width="496" height="14" fill="#0f6b6b"/>
    <text x="40" y="66" font-size="25" font-weight="bold">Juniper Bicycle Repair</text>
    <text x="40" y="92">14 Mill Lane, Brookfield</text>
    <text x="40" y="142" font-size="19" font-weight="bold">Invoice 2048</text>
    <text x="456" y="142" text-anchor="end">12 March 2025</text>
    <text x="40" y="176">For: Ada Winter</text>
    <g font-weight="bold">${line(226, 'Item', 'Quantity', 'Price', 'Amount')}</g>${rule(238)}
    ${ITEMS.map(([name, quantity, price], i) =>
      line(270 + 34 * i, name, String(quantity), price, quantity * price)).join('')}${rule(392)}
    ${line(422, 'Sum', '', '', sum)}${line(454, `Tax ${TAX_PERCENT} %`, '', '', tax)}
    <g font-weight="bold" font-size="17">${line(490, 'Total, EUR', '', '', sum + tax)}</g>
    <text x="40" y="560">Please pay within 14 days. Thank you!</text></svg>`
}
