export interface CpuStats {
  readonly cpu_usage: {
    /** Nanoseconds. */
    readonly total_usage: number;
    readonly usage_in_kernelmode: number;
    readonly usage_in_usermode: number;
    readonly percpu_usage?: readonly number[];
  };
  /** Of the whole host, nanoseconds; left out in an empty `precpu_stats`. */
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
  readonly throttling_data: {
    readonly periods: number;
    readonly throttled_periods: number;
    readonly throttled_time: number;
  };
}

export interface BlkioEntry {
  readonly major: number;
  readonly minor: number;
  /** `read`, `write` (cgroup v1 on Docker: capitals). */
  readonly op: string;
  readonly value: number;
}

/** One reading of `GET /containers/{id}/stats`. */
export interface StatsResponse {
  readonly id: string;
  /** With a leading slash. */
  readonly name: string;
  readonly os_type: "linux";
  readonly read: string;
  /** When `precpu_stats` was read; year 1 when there is none. */
  readonly preread: string;
  readonly pids_stats: { readonly current?: number; readonly limit?: number };
  readonly blkio_stats: {
    readonly io_service_bytes_recursive: readonly BlkioEntry[] | null;
    readonly io_serviced_recursive: readonly BlkioEntry[] | null;
    readonly io_queue_recursive: null;
    readonly io_service_time_recursive: null;
    readonly io_wait_time_recursive: null;
    readonly io_merged_recursive: null;
    readonly io_time_recursive: null;
    readonly sectors_recursive: null;
  };
  readonly num_procs: number;
  readonly storage_stats: Readonly<Record<string, number>>;
  readonly cpu_stats: CpuStats;
  readonly precpu_stats: CpuStats;
  readonly memory_stats: {
    readonly usage?: number;
    readonly max_usage?: number;
    readonly failcnt?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, NetworkStats>>;
}

export interface NetworkStats {
  readonly rx_bytes: number;
  readonly rx_packets: number;
  readonly rx_errors: number;
  readonly rx_dropped: number;
  readonly tx_bytes: number;
  readonly tx_packets: number;
  readonly tx_errors: number;
  readonly tx_dropped: number;
}
