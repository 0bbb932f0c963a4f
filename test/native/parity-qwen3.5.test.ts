import t from 'tap'
import { compareFamily } from './parity.ts'

t.test('qwen3.5', t => compareFamily(t, 'qwen3.5'))
t.test('qwen3.5-moe', t => compareFamily(t, 'qwen3.5-moe'))
t.test('qwen3.8', t => compareFamily(t, 'qwen3.8'))
