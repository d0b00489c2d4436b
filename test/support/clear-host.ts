import { existsSync } from "node:fs";
import { join } from "node:path";
import { MIGRATIONS } from "../../src/daemon/migrations.ts";
import { hashRoot } from "../../src/daemon/root-hash.ts";
import { ContainerCgroup, detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { SqliteNetworkRecords } from "../../src/network/network-records.ts";
import { NetworkStack } from "../../src/network/network-stack.ts";
import { State } from "../../src/state/state.ts";

/** Takes off the host what a root without daemon and containers still has there: its bridge, its rules, its cgroup. */
export async function clearHost(root: string): Promise<void> {
  if (!existsSync(join(root, "state.db"))) return;
  using state = State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: Date.now });
  const rootHash = hashRoot(root);
  using network = new NetworkStack({ records: new SqliteNetworkRecords(state.db), rootHash, now: Date.now });
  await network.removeAll();
  ContainerCgroup.removeParent(detectCgroups(), `gantry-${rootHash}`);
}
