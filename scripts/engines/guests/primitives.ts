// @ts-nocheck AssemblyScript
// The guests of tests/percpu in one program. Arguments: name, "laws" or "hammer", times.

import { rseq } from 'wasm-rseq/assembly';
import { isArgument } from '../../../tests/percpu/guests/arguments';
import * as counter from '../../../tests/percpu/guests/counter';
import * as hashMap from '../../../tests/percpu/guests/hash-map';
import * as list from '../../../tests/percpu/guests/list';
import * as mempool from '../../../tests/percpu/guests/mempool';
import * as ops from '../../../tests/percpu/guests/ops';
import * as rcu from '../../../tests/percpu/guests/rcu';
import * as refcount from '../../../tests/percpu/guests/refcount';
import * as ring from '../../../tests/percpu/guests/ring';
import * as stack from '../../../tests/percpu/guests/stack';

export function main(): i32 {
  assert(rseq.register() == 0, 'registration failed');
  const isLaws = isArgument(1, 'laws');
  if (isArgument(0, 'counter')) return isLaws ? counter.laws() : counter.hammer();
  if (isArgument(0, 'hash-map')) return isLaws ? hashMap.laws() : hashMap.hammer();
  if (isArgument(0, 'list')) return isLaws ? list.laws() : list.hammer();
  if (isArgument(0, 'mempool')) return isLaws ? mempool.laws() : mempool.hammer();
  if (isArgument(0, 'ops')) return isLaws ? ops.laws() : ops.hammer();
  if (isArgument(0, 'rcu')) return isLaws ? rcu.laws() : rcu.hammer();
  if (isArgument(0, 'refcount')) return isLaws ? refcount.laws() : refcount.hammer();
  if (isArgument(0, 'ring')) return isLaws ? ring.laws() : ring.hammer();
  if (isArgument(0, 'stack')) return isLaws ? stack.laws() : stack.hammer();
  return -1;
}
