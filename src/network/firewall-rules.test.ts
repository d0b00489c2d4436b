import { describe, expect, test } from "bun:test";
import { formatRuleset } from "../linux/nft/format-ruleset.ts";
import { buildRuleset } from "./firewall-rules.ts";

describe("a daemon's table of rules", () => {
  test("is this", () => {
    const networks = [{ bridge: "gn01234abcd0", subnetAddress: "172.17.0.0", prefixLength: 16 }];
    const ports = [
      { containerPort: 80, hostPort: 8080, protocol: "tcp", hostAddress: "0.0.0.0" },
      { containerPort: 53, hostPort: 5353, protocol: "udp", hostAddress: "192.0.2.1" },
      // A relay's alone: no rule of IPv4.
      { containerPort: 80, hostPort: 8081, protocol: "tcp", hostAddress: "::1" },
    ] as const;
    expect(formatRuleset(buildRuleset("gantry-01234abcd", networks, [{ address: "172.17.0.2", ports }]))).toBe(
      `table ip gantry-01234abcd {
	set bridges {
		type ifname
		elements = { "gn01234abcd0" }
	}

	set within-bridge {
		type ifname . ifname
		elements = { "gn01234abcd0" . "gn01234abcd0" }
	}

	map published {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
		elements = { 192.0.2.1 . udp . 5353 : 172.17.0.2 . 53 }
	}

	map published-everywhere {
		type inet_proto . inet_service : ipv4_addr . inet_service
		elements = { tcp . 8080 : 172.17.0.2 . 80 }
	}

	chain raw {
		type filter hook prerouting priority raw; policy accept;
		iifname @bridges ip daddr 127.0.0.0/8 counter drop
	}

	chain publish {
		dnat ip to ip daddr . meta l4proto . th dport map @published
		dnat ip to meta l4proto . th dport map @published-everywhere
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 127.0.0.0/8 return
		fib daddr type local jump publish
	}

	chain output {
		type nat hook output priority -100; policy accept;
		fib daddr type local jump publish
	}

	chain to-containers {
		ct state established,related accept
		iifname . oifname @within-bridge accept
		ct status dnat accept
		counter drop
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		oifname @bridges jump to-containers
		iifname @bridges accept
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname @bridges ip saddr 127.0.0.0/8 masquerade
		ip saddr 172.17.0.0/16 oifname != "gn01234abcd0" masquerade
		ip saddr 172.17.0.0/16 oifname "gn01234abcd0" ct status dnat masquerade
	}
}
`,
    );
  });
});
