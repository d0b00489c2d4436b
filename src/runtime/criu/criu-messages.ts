import { PbfReader, PbfWriter } from "pbf";
import { CGROUP_MODES, type CriuOptions } from "./criu-options.ts";

/** `criu_req_type` of criu's rpc.proto. */
export const CRIU_TYPES = {
  dump: 1,
  restore: 2,
  "pre-dump": 4,
  notify: 6,
  "feature-check": 9,
  version: 10,
} as const;

export type CriuType = keyof typeof CRIU_TYPES;

/** Something that not every kernel or criu can do. */
export interface CriuFeatures {
  readonly tracksMemory?: boolean;
  readonly hasLazyPages?: boolean;
}

export interface CriuRequest {
  readonly type: CriuType;
  readonly options?: CriuOptions;
  /** The answer to a `notify`. */
  readonly isNotified?: boolean;
  readonly features?: CriuFeatures;
}

export interface CriuVersion {
  readonly major: number;
  readonly minor: number;
  readonly sublevel: number;
  /** It was built between two releases. */
  readonly isBetween: boolean;
}

export interface CriuResponse {
  /** Undefined for one that this project does not know. */
  readonly type: CriuType | undefined;
  readonly isSuccess: boolean;
  readonly errno: number;
  readonly message: string;
  readonly notification?: { readonly name: string; readonly pid: number };
  readonly features?: CriuFeatures;
  readonly version?: CriuVersion;
}

type FieldWriter<T> = (pbf: PbfWriter, value: T) => void;

const text =
  (tag: number): FieldWriter<string> =>
  (pbf, value) =>
    pbf.writeStringField(tag, value);
const flag =
  (tag: number): FieldWriter<boolean> =>
  (pbf, value) =>
    pbf.writeBooleanField(tag, value);
const integer =
  (tag: number): FieldWriter<number> =>
  (pbf, value) =>
    pbf.writeVarintField(tag, value);
const each =
  <T>(tag: number, write: (value: T, pbf: PbfWriter) => void): FieldWriter<readonly T[]> =>
  (pbf, values) => {
    for (const value of values) pbf.writeMessage(tag, write, value);
  };

/** Numbers of `criu_opts`: they are for ever. */
const OPTION_FIELDS: { readonly [Name in keyof CriuOptions]-?: FieldWriter<NonNullable<CriuOptions[Name]>> } = {
  imagesDirFd: integer(1),
  pid: integer(2),
  leaveRunning: flag(3),
  extUnixSk: flag(4),
  tcpEstablished: flag(5),
  evasiveDevices: flag(6),
  shellJob: flag(7),
  fileLocks: flag(8),
  logLevel: integer(9),
  logFile: text(10),
  pageServer: (pbf, server) =>
    pbf.writeMessage(
      11,
      ({ address, port }, inner) => {
        inner.writeStringField(1, address);
        inner.writeVarintField(2, port);
      },
      server,
    ),
  notifyScripts: flag(12),
  root: text(13),
  parentImage: text(14),
  trackMemory: flag(15),
  autoDedup: flag(16),
  workDirFd: integer(17),
  linkRemap: flag(18),
  externalMounts: each(23, ({ key, value }, pbf) => {
    pbf.writeStringField(1, key);
    pbf.writeStringField(2, value);
  }),
  manageCgroups: flag(24),
  cgroupRoots: each(25, ({ controller, path }, pbf) => {
    pbf.writeStringField(1, controller);
    pbf.writeStringField(2, path);
  }),
  restoreSibling: flag(26),
  inheritFds: each(27, ({ key, fd }, pbf) => {
    pbf.writeStringField(1, key);
    pbf.writeVarintField(2, fd);
  }),
  cgroupMode: (pbf, mode) => pbf.writeVarintField(34, CGROUP_MODES[mode]),
  external: (pbf, values) => {
    for (const value of values) pbf.writeStringField(37, value);
  },
  emptyNamespaces: integer(38),
  joinNamespaces: each(39, ({ kind, path }, pbf) => {
    pbf.writeStringField(1, kind);
    pbf.writeStringField(2, path);
  }),
  freezeCgroup: text(44),
  tcpSkipInFlight: flag(46),
  lazyPages: flag(48),
  orphanPtsMaster: flag(50),
  configFile: text(51),
  lsmProfile: text(53),
  lsmMountContext: text(63),
};

function writeOptions(options: CriuOptions, pbf: PbfWriter): void {
  for (const [name, write] of Object.entries(OPTION_FIELDS) as [keyof CriuOptions, FieldWriter<unknown>][])
    if (options[name] !== undefined) write(pbf, options[name]);
}

/** `criu_req`. */
export function encodeRequest(request: CriuRequest): Uint8Array {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, CRIU_TYPES[request.type]);
  if (request.options !== undefined) pbf.writeMessage(2, writeOptions, request.options);
  if (request.isNotified !== undefined) pbf.writeBooleanField(3, request.isNotified);
  if (request.features !== undefined)
    pbf.writeMessage(
      5,
      ({ tracksMemory, hasLazyPages }, inner) => {
        if (tracksMemory !== undefined) inner.writeBooleanField(1, tracksMemory);
        if (hasLazyPages !== undefined) inner.writeBooleanField(2, hasLazyPages);
      },
      request.features,
    );
  return pbf.finish();
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const TYPE_NAMES: ReadonlyMap<number, CriuType> = new Map(
  Object.entries(CRIU_TYPES).map(([name, number]) => [number, name as CriuType]),
);

/** `criu_resp`. @throws Error for bytes that are none. */
export function decodeResponse(bytes: Uint8Array): CriuResponse {
  const result: Writable<CriuResponse> = { type: undefined, isSuccess: false, errno: 0, message: "" };
  return new PbfReader(bytes).readFields((tag, response, pbf) => {
    if (tag === 1) response.type = TYPE_NAMES.get(pbf.readVarint());
    else if (tag === 2) response.isSuccess = pbf.readBoolean();
    else if (tag === 5) response.notification = readNotification(pbf);
    else if (tag === 7) response.errno = pbf.readVarint(true);
    else if (tag === 8) response.features = readFeatures(pbf);
    else if (tag === 9) response.message = pbf.readString();
    else if (tag === 10) response.version = readVersion(pbf);
  }, result);
}

function readNotification(reader: PbfReader): { readonly name: string; readonly pid: number } {
  return reader.readMessage(
    (tag, notification, pbf) => {
      if (tag === 1) notification.name = pbf.readString();
      else if (tag === 2) notification.pid = pbf.readVarint(true);
    },
    { name: "", pid: 0 },
  );
}

function readFeatures(reader: PbfReader): CriuFeatures {
  return reader.readMessage<Writable<CriuFeatures>>((tag, features, pbf) => {
    if (tag === 1) features.tracksMemory = pbf.readBoolean();
    else if (tag === 2) features.hasLazyPages = pbf.readBoolean();
  }, {});
}

function readVersion(reader: PbfReader): CriuVersion {
  return reader.readMessage<Writable<CriuVersion>>(
    (tag, version, pbf) => {
      if (tag === 1) version.major = pbf.readVarint(true);
      else if (tag === 2) version.minor = pbf.readVarint(true);
      else if (tag === 3) version.isBetween = pbf.readString() !== "";
      else if (tag === 4) version.sublevel = pbf.readVarint(true);
    },
    { major: 0, minor: 0, sublevel: 0, isBetween: false },
  );
}
