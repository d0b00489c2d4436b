export type { Attachment, OutputChunk } from "./attachment.ts";
export type { ExitRecord } from "./exit-record.ts";
export { HelperBinary, type HelperSource } from "./helper-binary.ts";
export { logNumbers } from "./log-files.ts";
export { findLogStart, type LogPosition, type PlacedLogRecord, type ReadLogOptions, readLog } from "./log-reader.ts";
export { type LogRecord, parseLogRecord } from "./log-record.ts";
export type { Monitor } from "./monitor.ts";
export { isAlive, type ProcessIdentity, parseStartTime, sendSignal } from "./process-identity.ts";
export { type LaunchOptions, Supervisor, type SupervisorOptions } from "./supervisor.ts";
