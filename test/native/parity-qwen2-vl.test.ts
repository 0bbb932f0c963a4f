import t from 'tap'
import { compareFamily } from './parity.ts'

t.test('qwen2-vl', t => compareFamily(t, 'qwen2-vl'))
t.test('qwen2.5-vl', t => compareFamily(t, 'qwen2.5-vl'))
