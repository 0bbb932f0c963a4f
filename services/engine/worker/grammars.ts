import { LlamaGrammarEvaluationState, type Llama, type LlamaGrammar, type LlamaModel } from 'node-llama-cpp'

/** Clients ask with the same schema again and again. */
const KEPT = 32

/** Parsed grammars, the latest ones kept. */
export function createGrammars (llama: Llama, model: LlamaModel) {
  const parsed = new Map<string, LlamaGrammar>()

  /**
   * The state of one answer under a grammar.
   * @throws Error when llama.cpp cannot parse it
   */
  return async function start (gbnf: string): Promise<LlamaGrammarEvaluationState> {
    const grammar = parsed.get(gbnf) ?? await llama.createGrammar({ grammar: gbnf })
    parsed.delete(gbnf)
    parsed.set(gbnf, grammar)
    const [oldest] = parsed.keys()
    if (parsed.size > KEPT) parsed.delete(oldest!)
    return new LlamaGrammarEvaluationState({ model, grammar })
  }
}
