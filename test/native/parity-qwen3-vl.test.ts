import t from 'tap'
import { compareFamily } from './parity.ts'

t.test('qwen3-vl', t => compareFamily(t, 'qwen3-vl'))
t.test('qwen3-vl-thinking', t => compareFamily(t, 'qwen3-vl-thinking'))
t.test('qwen3-vl-moe', t => compareFamily(t, 'qwen3-vl-moe'))
