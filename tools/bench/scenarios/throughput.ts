import type { RunningContender } from '../contenders/contender.ts'
import { createRow, eachRound, needLongAnswers, withContenders, type Row, type Scenario } from './scenario.ts'

const CLIENTS = [1, 3, 8]
const ANSWER_TOKENS = 128

/** Tokens per second of all answers together, with as many clients as slots. */
export const throughput: Scenario = {
  title: 'Total tokens per second, with as many clients as slots',

  async run (bench) {
    needLongAnswers(bench, 'throughput')
    const rows: Row[] = []
    for (const clients of CLIENTS) {
      const row = createRow(`${clients} in parallel`, 'tokens/s')
      await withContenders(bench, clients, running =>
        eachRound(bench, running, bench.rounds, async (contender, round) => {
          row.add(contender.name, await tokensPerSecond(contender, clients, round))
        }))
      rows.push(row)
    }
    return rows
  }
}

/** Measures from the first token of any answer to the last token of any answer. */
async function tokensPerSecond ({ ask }: RunningContender, clients: number, round: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: clients }, (_, client) => ask({
    turns: [{ role: 'user', text: `Tell story ${round * clients + client}.` }],
    maxTokens: ANSWER_TOKENS
  })))
  const times = answers.flatMap(answer => answer.times)
  const tokens = answers.reduce((sum, answer) => sum + answer.completionTokens, 0)
  return (tokens - 1) * 1000 / (Math.max(...times) - Math.min(...times))
}
